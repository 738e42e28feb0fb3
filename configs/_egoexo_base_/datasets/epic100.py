# EPIC-KITCHENS-100 as extracted frames with the official names. For the videos instead: data_prefix=dict(video=...), and
# ClipReaderInit, TrimSegment, SampleClampedFrames, DecordDecode in the pipelines, as in ego4d_fho.py.
_base_ = 'loaders.py'

dataset_type = 'EpicKitchensDataset'
data_root = 'data/epic100'  # <participant>/rgb_frames/<video>/frame_0000000001.jpg
ann_file_train = 'data/epic100/EPIC_100_train.csv'
ann_file_val = 'data/epic100/EPIC_100_validation.csv'
interaction_store = 'data/targets/epic100_interaction'

ids = dict(meta_keys=('narration_id', 'participant_id', 'video_id'))
clip = dict(clip_len=32, frame_interval=2)
train_pipeline = [
    dict(type='SeedAugmentations'),
    dict(type='SampleClampedFrames', **clip),
    dict(type='RawFrameDecode'),
    dict(type='RandomRescaleCrop', scale_range=(256, 320), size=224),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', **ids),
]
star_train_pipeline = [  # for Ego-Exo*: the same clips with the maps of hands and held objects
    dict(type='SeedAugmentations'),
    dict(type='SampleClampedFrames', **clip),
    dict(type='RawFrameDecode'),
    dict(type='TrackGeometry'),
    dict(type='RandomRescaleCrop', scale_range=(256, 320), size=224),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='LoadTargets', time_stride=4, frame_sampling='linspace'),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', algorithm_keys=('interaction_map',), **ids),
]
val_pipeline = [
    dict(type='SampleClampedFrames', num_clips=1, test_mode=True, **clip),
    dict(type='RawFrameDecode'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='CenterCrop', crop_size=224),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', **ids),
]
test_pipeline = [  # 10 clips x 3 crops, cut from frames that are sent to the model once
    dict(type='SampleClampedFrames', num_clips=10, test_mode=True, **clip),
    dict(type='UniqueFrames'),
    dict(type='RawFrameDecode'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='RepeatFrames'),
    dict(type='UniformThreeCrop', crop_size=256),
    dict(type='FormatViews'),
    dict(type='PackActionInputs', collect_keys=('frames', 'clip_frames', 'crops'), **ids),
]

data = dict(type=dataset_type, version=100, data_prefix=dict(img=data_root))
train_dataloader = dict(dataset=dict(**data, ann_file=ann_file_train, pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(**data, ann_file=ann_file_val, pipeline=val_pipeline, test_mode=True)
)
test_dataloader = dict(
    dataset=dict(**data, ann_file=ann_file_val, pipeline=test_pipeline, test_mode=True)
)

val_evaluator = dict(type='VerbNounMetric')
test_evaluator = dict(  # All, Unseen, Tail
    type='VerbNounMetric',
    unseen_participants='validation',
    tail_verbs='data/epic100/EPIC_100_tail_verbs.csv',
    tail_nouns='data/epic100/EPIC_100_tail_nouns.csv',
)
