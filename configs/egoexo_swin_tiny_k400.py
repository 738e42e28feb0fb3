# Ego-Exo on a backbone the paper never tried: MMAction2's Video Swin-T, from its ImageNet weights,
# with MMAction2's stock augmentation, the Swin recipe (AdamW, 30 epochs), and its views in testing
# (4 clips x 3 crops of 224 pixels). Nobody has published results of this combination.
_base_ = [
    '_egoexo_base_/models/swin_tiny.py',
    '_egoexo_base_/models/aux_heads.py',
    '_egoexo_base_/datasets/k400_targets.py',
    '_egoexo_base_/default_runtime.py',
]

model = dict(
    type='EgoExoRecognizer',
    backbone=dict(
        pretrained='https://download.openmmlab.com/mmaction/v1.0/recognition/swin/swin_tiny_patch4_window7_224.pth'
    ),
    cls_head=dict(loss_cls=dict(type='CrossEntropyLoss', loss_weight=0.5)),
    aux_heads=_base_.aux_heads,
)
# a token is of two frames, and a map belongs to the first of them
token_frames = _base_.model.backbone.patch_size[0]
stock_train_pipeline = [
    dict(step, time_stride=token_frames, frame_sampling='stride')
    if step['type'] == 'LoadTargets'
    else step
    for step in _base_.stock_train_pipeline
]
sample = dict(type='SampleFrames', test_mode=True, **_base_.clip)  # at the video's own rate
val_pipeline = [
    dict(sample, num_clips=1) if step['type'] == 'SampleFrames' else step
    for step in _base_.val_pipeline
]
testing = dict(
    SampleTimeWindow=dict(sample, num_clips=4),
    Resize=dict(type='Resize', scale=(-1, 224)),
    ThreeCrop=dict(type='ThreeCrop', crop_size=224),
)
test_pipeline = [testing.get(step['type'], step) for step in _base_.test_pipeline]
train_dataloader = dict(dataset=dict(pipeline=stock_train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=30, val_begin=3, val_interval=3)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    type='AmpOptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, betas=(0.9, 0.999), weight_decay=0.02),
    constructor='SwinOptimWrapperConstructor',
    paramwise_cfg=dict(
        absolute_pos_embed=dict(decay_mult=0.0),
        relative_position_bias_table=dict(decay_mult=0.0),
        norm=dict(decay_mult=0.0),
        backbone=dict(lr_mult=0.1),
    ),
)
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=0.1,
        by_epoch=True,
        begin=0,
        end=2.5,
        convert_to_iter_based=True,
    ),
    dict(type='CosineAnnealingLR', T_max=30, eta_min=0, by_epoch=True, begin=0, end=30),
]
auto_scale_lr = dict(enable=False, base_batch_size=64)
