"""Train the detector of Shan et al. on 100DOH by the authors' recipe.

It takes one image a step, 8 epochs and no flip. With
``--cfg-options model.roi_head.swap_clip=True`` it also tests the authors' converted weights.
"""

_base_ = [
    'hand_object_r101_c4.py',
    '../_egoexo_base_/datasets/hand_object_100doh.py',
    '../_egoexo_base_/detector_runtime.py',
]
custom_imports = dict(
    imports=[
        'egoexo_mm',
        'egoexo_mm.models.detectors',
        'egoexo_mm.datasets.hand_object_dataset',
        'egoexo_mm.datasets.transforms.hand_object',
    ]
)

# Its means are within half a grey level of ours, which are those of the authors' weights.
pretrained = dict(type='Pretrained', checkpoint='open-mmlab://detectron2/resnet101_caffe')
model = dict(
    backbone=dict(init_cfg=pretrained),
    roi_head=dict(swap_clip=False, shared_head=dict(init_cfg=pretrained)),
    train_cfg=dict(
        _delete_=True,
        rpn=dict(
            # Each box gets its best anchor, however little of it: the smallest anchor has 128
            # pixels, a far hand 30.
            assigner=dict(
                type='MaxIoUAssigner', pos_iou_thr=0.7, neg_iou_thr=0.3, min_pos_iou=1e-5
            ),
            sampler=dict(
                type='RandomSampler', num=256, pos_fraction=0.5, add_gt_as_proposals=False
            ),
            allowed_border=0,  # only anchors wholly inside the image
            pos_weight=-1,
        ),
        rpn_proposal=dict(
            nms_pre=12000, nms=dict(type='nms', iou_threshold=0.7, offset=1), max_per_img=2000
        ),
        rcnn=dict(
            assigner=dict(
                type='MaxIoUAssigner',
                pos_iou_thr=0.5,
                neg_iou_thr=0.5,
                min_pos_iou=0.5,
                match_low_quality=False,
            ),
            sampler=dict(type='RandomSampler', num=128, pos_fraction=0.25),
            pos_weight=-1,
        ),
    ),
)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadHandObjectAnnotations'),
    dict(type='Resize', scale=(100000, 600), keep_ratio=True),  # short side 600, any long side
    dict(type='PackHandObjectInputs'),
]
test_pipeline = [
    *(
        # as the authors train and evaluate; their demo caps the long side
        dict(step, max_long_side=None) if step['type'] == 'ScaleImage' else step
        for step in _base_.test_pipeline[:-1]
    ),
    dict(
        type='PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'instances'),
    ),
]
train_dataloader = dict(batch_size=1, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=1e-3, momentum=0.9, weight_decay=1e-4),
    paramwise_cfg=dict(bias_decay_mult=0.0),
)
param_scheduler = dict(
    # the fourth and the last epoch begin a tenth lower
    type='MultiStepLR',
    milestones=[3, 7],
    gamma=0.1,
)
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=8, val_interval=1)
auto_scale_lr = dict(enable=False, base_batch_size=1)
