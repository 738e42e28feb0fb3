# Ego-Exo pre-training made small enough for two CPU cores; tools/run_demo.sh trains it. The recipe
# is that of Kinetics, and this file states what is smaller. DEMO_DIR is where run_demo.sh put the
# clips and the target stores.
_base_ = '../egoexo_slowfast_k400.py'

root = '{{$DEMO_DIR:work_dirs/demo}}'

# 8 frames -> map of 2, 16 -> 4; a spatial stride of 16 makes 7x7 cells of a 112 pixel crop, as 32
# does of 224
clip = dict(clip_len=16, frame_interval=2)
crop_size = 112
strides = (1, 2, 2, 1)  # of the four stages; (1, 2, 2, 2) in the full model
slow_channels, fast_channels = 32, 4  # 64 and 8 in the full model

model = dict(
    backbone=dict(
        slow_sampling='stride',  # as MMAction2's SlowFast, which then gives the same scores
        slow_pathway=dict(depth=18, base_channels=slow_channels, spatial_strides=strides),
        fast_pathway=dict(depth=18, base_channels=fast_channels, spatial_strides=strides),
    ),
    cls_head=dict(in_channels=8 * (slow_channels + fast_channels), num_classes=3),
    aux_heads=dict(
        ego_score=dict(in_channels=8 * (slow_channels + fast_channels)),
        object_score=dict(in_channels=8 * (slow_channels + fast_channels)),
        # no detector of objects comes in a package, so the hand map is learnt alone
        interaction_map=dict(
            in_channels=8 * slow_channels,
            mid_channels=64,
            loss_held_object=dict(loss_weight=0),
        ),
    ),
)

smaller = dict(
    SampleTimeWindow=clip,
    SampleFrames=clip,
    RandomRescaleCrop=dict(scale_range=(128, 160), size=crop_size),
    LoadTargets=dict(frame_sampling='stride', cell_size=16),
    Resize=dict(scale=(-1, 128)),
    CenterCrop=dict(crop_size=crop_size),
    ThreeCrop=dict(crop_size=128),
)
train_pipeline = [dict(step, **smaller.get(step['type'], {})) for step in _base_.train_pipeline]
val_pipeline = [dict(step, **smaller.get(step['type'], {})) for step in _base_.val_pipeline]
# 2 clips x 3 crops, of stock transforms only: a stock recognizer is to see the same views
test_pipeline = [
    dict(type='DecordInit'),
    dict(type='SampleFrames', num_clips=2, target_fps=30, test_mode=True, **clip),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(-1, 128)),
    dict(type='ThreeCrop', crop_size=128),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
# validation clips with their targets, for the picture: no random draw
show_pipeline = [
    dict(type='ClipReaderInit'),
    dict(type='SampleFrames', num_clips=1, target_fps=30, test_mode=True, **clip),
    dict(type='DecordDecode'),
    dict(type='TrackGeometry'),
    dict(type='Resize', scale=(-1, 128)),
    dict(type='CenterCrop', crop_size=crop_size),
    dict(_base_.load_targets, **smaller['LoadTargets']),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', algorithm_keys=('interaction_map',)),
]

targets = dict(
    ego_score=f'{root}/targets/ego_score',
    object_score=f'{root}/targets/object_score',
    interaction_map=f'{root}/targets/interaction',
)
videos = dict(video=f'{root}/clips/videos')
names = dict(classes=['bikes', 'bigbuckbunny', 'carphone'])  # for predictions
train_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(
        ann_file=f'{root}/clips/train.txt',
        metainfo=names,
        data_prefix=videos,
        targets=targets,
        num_classes=3,
        pipeline=train_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=4,
    num_workers=1,
    dataset=dict(
        ann_file=f'{root}/clips/val.txt', data_prefix=videos, num_classes=3, pipeline=val_pipeline
    ),
)
test_dataloader = dict(
    num_workers=1,
    dataset=dict(
        ann_file=f'{root}/clips/val.txt',
        metainfo=names,
        data_prefix=videos,
        num_classes=3,
        pipeline=test_pipeline,
    ),
)
show_dataset = dict(
    type='VideoTargetDataset',
    ann_file=f'{root}/clips/val.txt',
    data_prefix=videos,
    targets=dict(interaction_map=targets['interaction_map']),
    pipeline=show_pipeline,
    test_mode=True,
)

max_epochs = 16
train_cfg = dict(max_epochs=max_epochs, val_begin=4, val_interval=4)
optim_wrapper = dict(optimizer=dict(lr=0.05))
param_scheduler = [
    dict(
        type='WarmupCosineLR',
        T_max=max_epochs,
        warmup=2,
        start_factor=0.1,
        end=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    )
]
# a line is the mean of 3 iterations: the mean of an epoch's lines is the mean of its iterations
default_hooks = dict(
    logger=dict(interval=3), checkpoint=dict(interval=4, max_keep_ckpts=1, save_best=None)
)
log_processor = dict(window_size=3)
