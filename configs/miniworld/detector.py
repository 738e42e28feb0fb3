# The hand-object detector: the light one with small layers, trained from nothing on the 100DOH-like
# pictures.
_base_ = '../teachers/hand_object_r50_fpn_100doh.py'

root = '{{$MINIWORLD_STUDY:work_dirs/study/miniworld}}/world/data/hand_object'

model = dict(
    backbone=dict(
        depth=18,
        base_channels=16,
        stem_channels=16,
        frozen_stages=-1,
        norm_eval=False,
        init_cfg=None,
    ),
    neck=dict(in_channels=[16, 32, 64, 128], out_channels=32, num_outs=4),
    rpn_head=dict(
        in_channels=32, feat_channels=32, anchor_generator=dict(scales=[4], strides=[4, 8, 16, 32])
    ),
    roi_head=dict(
        shared_head=dict(in_channels=32, channels=(256, 128)),
        bbox_roi_extractor=dict(out_channels=32, finest_scale=32, roi_layer=dict(sampling_ratio=2)),
        bbox_head=dict(in_channels=128),
        hand_head=dict(
            in_channels=128,
            dropout=0.1,
            init_cfg=dict(type='Normal', layer='Linear', std=0.01),
            loss_contact=dict(type='CrossEntropyLoss', loss_weight=0.2),
            loss_offset=dict(type='MSELoss', loss_weight=5.0),
            loss_side=dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=0.2),
        ),
    ),
    train_cfg=dict(
        rpn_proposal=dict(nms_pre=300, max_per_img=100), rcnn=dict(sampler=dict(num=64))
    ),
    test_cfg=dict(rpn=dict(nms_pre=300, max_per_img=50)),
)

size = dict(Resize=dict(scale=(192, 144)))
train_pipeline = [dict(step, **size.get(step['type'], {})) for step in _base_.train_pipeline]
test_pipeline = [dict(step, **size.get(step['type'], {})) for step in _base_.test_pipeline]
workers = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(
    batch_size=8,
    **workers,
    dataset=dict(
        data_root=root,
        ann_file='ImageSets/Main/train.txt',
        pipeline=train_pipeline,
        filter_cfg=dict(short_side=144, min_box_size=4),
    ),
)
val_dataloader = dict(
    batch_size=8,
    **workers,
    dataset=dict(data_root=root, ann_file='ImageSets/Main/val.txt', pipeline=test_pipeline),
)
test_dataloader = dict(
    batch_size=8,
    **workers,
    dataset=dict(data_root=root, ann_file='ImageSets/Main/test.txt', pipeline=test_pipeline),
)

max_epochs = 16
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=3e-3, weight_decay=0.01),
    clip_grad=dict(max_norm=10.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=40),
    dict(
        type='CosineAnnealingLR',
        begin=0,
        T_max=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
        eta_min=3e-5,
    ),
]
train_cfg = dict(max_epochs=max_epochs, val_interval=max_epochs)
default_hooks = dict(
    checkpoint=dict(interval=8, max_keep_ckpts=1, save_best=None), logger=dict(interval=10)
)
log_processor = dict(window_size=10)
