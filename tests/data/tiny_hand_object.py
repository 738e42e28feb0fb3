# The light detector, small enough to learn drawn hands of 128 x 96 pixels from nothing in minutes.
_base_ = '../../configs/teachers/hand_object_r50_fpn_100doh.py'

root = '{{$DRAWN_HANDS:data/drawn_hands}}'

model = dict(
    data_preprocessor=dict(mean=[200.0, 200.0, 200.0]),
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
        in_channels=32, feat_channels=32, anchor_generator=dict(scales=[6], strides=[4, 8, 16, 32])
    ),
    roi_head=dict(
        shared_head=dict(in_channels=32, channels=(128, 128)),
        bbox_roi_extractor=dict(out_channels=32, finest_scale=32, roi_layer=dict(sampling_ratio=2)),
        bbox_head=dict(in_channels=128),
        # for minutes from random weights; the reference's 0.1 suits a long training from ImageNet's
        hand_head=dict(
            in_channels=128,
            dropout=0.1,
            init_cfg=dict(type='Normal', layer='Linear', std=0.01),
            loss_contact=dict(type='CrossEntropyLoss', loss_weight=1.0),
            loss_offset=dict(type='MSELoss', loss_weight=100.0),
            loss_side=dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=1.0),
        ),
    ),
    train_cfg=dict(
        rpn_proposal=dict(nms_pre=300, max_per_img=100), rcnn=dict(sampler=dict(num=64))
    ),
    test_cfg=dict(rpn=dict(nms_pre=300, max_per_img=50)),
)

size = dict(Resize=dict(scale=(128, 96)))
train_pipeline = [dict(step, **size.get(step['type'], {})) for step in _base_.train_pipeline]
test_pipeline = [dict(step, **size.get(step['type'], {})) for step in _base_.test_pipeline]
workers = dict(num_workers=1, persistent_workers=True)
train_dataloader = dict(
    batch_size=8,
    **workers,
    dataset=dict(
        data_root=root, pipeline=train_pipeline, filter_cfg=dict(short_side=96, min_box_size=4)
    ),
)
val_dataloader = dict(batch_size=8, **workers, dataset=dict(data_root=root, pipeline=test_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=3e-3, weight_decay=0.01),
    clip_grad=dict(max_norm=10.0),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=False, begin=0, end=50),
    dict(
        type='CosineAnnealingLR', begin=0, by_epoch=True, convert_to_iter_based=True, eta_min=3e-5
    ),
]
train_cfg = dict(max_epochs=12, val_interval=4)
default_hooks = dict(checkpoint=dict(interval=4, save_best=None), logger=dict(interval=10))
log_processor = dict(window_size=10)
