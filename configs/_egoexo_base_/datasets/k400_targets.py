# Kinetics-400 with teacher targets for every training clip.
_base_ = 'k400.py'

# one store per teacher; tools/targets.py convert makes them from released files
targets = dict(
    ego_score='data/targets/k400_ego_score',
    object_score='data/targets/k400_object_score',
    interaction_map='data/targets/k400_interaction',
)

load_targets = dict(
    type='LoadTargets',
    time_stride=_base_.clip.clip_len // _base_.num_maps,
    frame_sampling='linspace',
)
train_pipeline = [
    *_base_.train_pipeline[:4],  # to DecordDecode
    dict(type='TrackGeometry'),
    *_base_.train_pipeline[4:6],
    load_targets,
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', algorithm_keys=('ego_score', 'object_score', 'interaction_map')),
]
# MMAction2's stock augmentation instead (crops of random area and aspect ratio). In your config:
#   train_dataloader = dict(dataset=dict(pipeline=_base_.stock_train_pipeline))
stock_train_pipeline = [
    dict(type='SeedAugmentations'),
    dict(type='ClipReaderInit'),
    dict(type='SampleFrames', num_clips=1, **_base_.clip),
    dict(type='DecordDecode'),
    dict(type='TrackGeometry'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='RandomResizedCrop'),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    *train_pipeline[-3:],  # LoadTargets and packing
]

train_dataloader = dict(
    dataset=dict(targets=targets, missing_targets='error', pipeline=train_pipeline)
)
