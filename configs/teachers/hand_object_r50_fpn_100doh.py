"""A lighter hand-object detector to train on 100DOH: mmdet's Faster R-CNN R50-FPN with the hand layers on top."""
_base_ = ['mmdet::_base_/models/faster-rcnn_r50_fpn.py', '../_base_/datasets/hand_object_100doh.py',
          '../_base_/detector_runtime.py']
default_scope = 'mmdet'
custom_imports = dict(imports=['egoexo_mm', 'egoexo_mm.models.detectors', 'egoexo_mm.datasets.hand_object_dataset',
                               'egoexo_mm.datasets.transforms.hand_object'])

coder = dict(type='DeltaXYWHBBoxCoder', target_stds=[0.1, 0.1, 0.2, 0.2])
model = dict(
    roi_head=dict(
        type='HandObjectRoIHead',
        swap_clip=False,
        shared_head=dict(type='SharedFCs', in_channels=256, roi_feat_size=7, channels=(1024, 1024)),
        bbox_head=dict(
            _delete_=True, type='BBoxHead', in_channels=1024, num_classes=2, with_avg_pool=True, roi_feat_size=1,
            bbox_coder=coder, loss_cls=dict(type='CrossEntropyLoss'), loss_bbox=dict(type='L1Loss')),
        hand_head=dict(type='HandObjectHead', in_channels=1024)),
    test_cfg=dict(rcnn=dict(score_thr=0.1, nms=dict(type='nms', iou_threshold=0.3))))

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadHandObjectAnnotations'),
    dict(type='Resize', scale=(1000, 600), keep_ratio=True),
    dict(type='HandObjectFlip', prob=0.5),
    dict(type='PackHandObjectInputs')
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(1000, 600), keep_ratio=True),
    dict(type='PackDetInputs', meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'instances'))
]
train_dataloader = dict(batch_size=2, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(type='SGD', lr=0.02, momentum=0.9, weight_decay=1e-4))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, by_epoch=False, begin=0, end=500),
    dict(type='MultiStepLR', milestones=[8, 11], gamma=0.1)
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=12, val_interval=1)
auto_scale_lr = dict(enable=False, base_batch_size=16)  # 8 x 2
