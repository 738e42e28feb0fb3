# Kinetics-400 with teacher targets for transformers: clips of 16 frames, each 4 apart, with the
# augmentation of VideoMAE and MViT. Their RandAugment, rand-m7-n4-mstd0.5-inc1, also shears,
# rotates and shifts; boxes cannot follow that, so that ours has the colour operations alone.
_base_ = ['k400_targets.py', 'clips_16x4.py']

clip = _base_.clip_16x4
load_targets = dict(type='LoadTargets')
train_pipeline = [
    dict(type='SeedAugmentations'),
    dict(type='ClipReaderInit'),
    dict(type='SampleFrames', num_clips=1, **clip),
    dict(type='DecordDecode'),
    dict(type='TrackGeometry'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='ClipRandAugment', magnitude=7, num_layers=4, prob=0.5, magnitude_std=0.5),
    dict(type='RandomResizedCrop'),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='RandomErasing', erase_prob=0.25, mode='rand'),
    load_targets,
    *_base_.train_pipeline[-2:],  # packing
]
val_pipeline = [
    dict(type='ClipReaderInit'),
    dict(type='SampleFrames', num_clips=1, test_mode=True, **clip),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(-1, 224)),
    dict(type='CenterCrop', crop_size=224),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
test_pipeline = [  # 5 clips x 3 crops
    dict(type='ClipReaderInit'),
    dict(type='SampleFrames', num_clips=5, test_mode=True, **clip),
    dict(type='UniqueFrames'),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(-1, 224)),
    dict(type='RepeatFrames'),
    dict(type='ThreeCrop', crop_size=224),
    *_base_.test_pipeline[-2:],  # packing
]
train_dataloader = dict(
    collate_fn=_base_.repeats_collate, dataset=dict(**_base_.repeats, pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
