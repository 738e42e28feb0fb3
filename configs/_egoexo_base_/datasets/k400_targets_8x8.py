# Kinetics-400 with teacher targets in clips of 8 frames, each 8 apart; every frame has a map.
_base_ = 'k400_8x8.py'

targets = dict(
    ego_score='data/targets/k400_ego_score',
    object_score='data/targets/k400_object_score',
    interaction_map='data/targets/k400_interaction',
)

train_pipeline = [
    dict(type='SeedAugmentations'),
    dict(type='ClipReaderInit'),
    dict(type='SampleTimeWindow', **_base_.clip),
    dict(type='DecordDecode'),
    dict(type='TrackGeometry'),
    dict(type='RandomRescaleCrop', scale_range=(256, 320), size=224),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='LoadTargets', time_stride=1),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', algorithm_keys=('ego_score', 'object_score', 'interaction_map')),
]

train_dataloader = dict(
    dataset=dict(targets=targets, missing_targets='error', pipeline=train_pipeline)
)
