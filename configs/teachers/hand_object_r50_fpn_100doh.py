"""A lighter hand-object detector to train on 100DOH.

It is mmdet's Faster R-CNN R50-FPN with the hand layers on top.
"""

_base_ = ['../_egoexo_base_/datasets/hand_object_100doh.py', '../_egoexo_base_/detector_runtime.py']
default_scope = 'mmdet'
custom_imports = dict(
    imports=[
        'egoexo_mm',
        'egoexo_mm.models.detectors',
        'egoexo_mm.datasets.hand_object_dataset',
        'egoexo_mm.datasets.transforms.hand_object',
    ]
)

# mmdet's Faster R-CNN R50-FPN, written out: to inherit it from mmdet needs pkg_resources, which
# setuptools has dropped.
nms = dict(type='nms', iou_threshold=0.7)
sampler = dict(type='RandomSampler', neg_pos_ub=-1)
model = dict(
    type='FasterRCNN',
    _scope_='mmdet',  # also where it is built from another scope, such as MMAction2's
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=32,
    ),
    backbone=dict(
        type='ResNet',
        depth=50,
        frozen_stages=1,
        norm_eval=True,
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    neck=dict(type='FPN', in_channels=[256, 512, 1024, 2048], out_channels=256, num_outs=5),
    rpn_head=dict(
        type='RPNHead',
        in_channels=256,
        feat_channels=256,
        anchor_generator=dict(
            type='AnchorGenerator', scales=[8], ratios=[0.5, 1.0, 2.0], strides=[4, 8, 16, 32, 64]
        ),
        bbox_coder=dict(type='DeltaXYWHBBoxCoder'),
        loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True),
        loss_bbox=dict(type='L1Loss'),
    ),
    roi_head=dict(
        type='HandObjectRoIHead',
        swap_clip=False,
        shared_head=dict(type='SharedFCs', in_channels=256, roi_feat_size=7, channels=(1024, 1024)),
        bbox_roi_extractor=dict(
            type='SingleRoIExtractor',
            out_channels=256,
            featmap_strides=[4, 8, 16, 32],
            roi_layer=dict(type='RoIAlign', output_size=7, sampling_ratio=0),
        ),
        bbox_head=dict(
            type='BBoxHead',
            in_channels=1024,
            num_classes=2,
            with_avg_pool=True,
            roi_feat_size=1,
            bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_stds=[0.1, 0.1, 0.2, 0.2]),
            loss_cls=dict(type='CrossEntropyLoss'),
            loss_bbox=dict(type='L1Loss'),
        ),
        hand_head=dict(type='HandObjectHead', in_channels=1024),
    ),
    train_cfg=dict(
        rpn=dict(
            assigner=dict(type='MaxIoUAssigner', pos_iou_thr=0.7, neg_iou_thr=0.3, min_pos_iou=0.3),
            sampler=dict(sampler, num=256, pos_fraction=0.5, add_gt_as_proposals=False),
            allowed_border=-1,
            pos_weight=-1,
            debug=False,
        ),
        rpn_proposal=dict(nms_pre=2000, max_per_img=1000, nms=nms, min_bbox_size=0),
        rcnn=dict(
            assigner=dict(
                type='MaxIoUAssigner',
                pos_iou_thr=0.5,
                neg_iou_thr=0.5,
                min_pos_iou=0.5,
                match_low_quality=False,
            ),
            sampler=dict(sampler, num=512, pos_fraction=0.25, add_gt_as_proposals=True),
            pos_weight=-1,
            debug=False,
        ),
    ),
    test_cfg=dict(
        rpn=dict(nms_pre=1000, max_per_img=1000, nms=nms, min_bbox_size=0),
        rcnn=dict(score_thr=0.1, nms=dict(type='nms', iou_threshold=0.3), max_per_img=100),
    ),
)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadHandObjectAnnotations'),
    dict(type='Resize', scale=(1000, 600), keep_ratio=True),
    dict(type='HandObjectFlip', prob=0.5),
    dict(type='PackHandObjectInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(1000, 600), keep_ratio=True),
    dict(
        type='PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'instances'),
    ),
]
train_dataloader = dict(batch_size=2, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=1e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=False, begin=0, end=500),
    dict(type='MultiStepLR', milestones=[8, 11], gamma=0.1),
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=12, val_interval=1)
auto_scale_lr = dict(enable=False, base_batch_size=16)  # 8 x 2
