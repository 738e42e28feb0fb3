# Kinetics-400 with teacher targets for 2D recognizers: 8 frames, one of each eighth of the video,
# in the batch dimension, with MMAction2's augmentation of TSM.
_base_ = 'k400_targets.py'

clip = dict(clip_len=1, frame_interval=1, num_clips=8)
load_targets = dict(type='LoadTargets')
pack = [dict(type='FormatShape', input_format='NCHW'), dict(type='PackActionInputs')]
train_pipeline = [
    dict(type='SeedAugmentations'),
    dict(type='ClipReaderInit'),
    dict(type='SampleFrames', **clip),
    dict(type='DecordDecode'),
    dict(type='TrackGeometry'),
    dict(type='Resize', scale=(-1, 256)),
    dict(
        type='MultiScaleCrop',
        input_size=224,
        scales=(1, 0.875, 0.75, 0.66),
        random_crop=False,
        max_wh_scale_gap=1,
        num_fixed_crops=13,
    ),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    load_targets,
    pack[0],
    _base_.train_pipeline[-1],
]
val_pipeline, test_pipeline = (
    [
        dict(type='ClipReaderInit'),
        dict(type='SampleFrames', test_mode=True, **clip),
        dict(type='DecordDecode'),
        dict(type='Resize', scale=(-1, 256)),
        dict(type=crop, crop_size=224),
        *pack,
    ]
    for crop in ('CenterCrop', 'TenCrop')
)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
