# Ego4D v2, forecasting hands and objects: verb and noun of an action, from the clip videos of the LTA benchmark.
_base_ = 'loaders.py'

dataset_type = 'Ego4DFHODataset'
data_root = 'data/ego4d/clips'  # <clip_uid>.mp4
ann_file_train = 'data/ego4d/annotations/fho_lta_train.json'
ann_file_val = 'data/ego4d/annotations/fho_lta_val.json'

ids = dict(meta_keys=('narration_id', 'clip_uid', 'action_idx', 'video_id'))
clip = dict(clip_len=32, frame_interval=2)
train_pipeline = [
    dict(type='SeedAugmentations'),
    dict(type='ClipReaderInit'),
    dict(type='TrimSegment'),
    dict(type='SampleClampedFrames', **clip),
    dict(type='DecordDecode'),
    dict(type='RandomRescaleCrop', scale_range=(256, 320), size=224),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', **ids),
]
val_pipeline = [
    dict(type='ClipReaderInit'),
    dict(type='TrimSegment'),
    dict(type='SampleClampedFrames', num_clips=1, test_mode=True, **clip),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='CenterCrop', crop_size=224),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', **ids),
]
test_pipeline = [  # 10 clips x 3 crops, cut from frames that are sent to the model once
    dict(type='ClipReaderInit'),
    dict(type='TrimSegment'),
    dict(type='SampleClampedFrames', num_clips=10, test_mode=True, **clip),
    dict(type='UniqueFrames'),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='RepeatFrames'),
    dict(type='UniformThreeCrop', crop_size=256),
    dict(type='FormatViews'),
    dict(type='PackActionInputs', collect_keys=('frames', 'clip_frames', 'crops'), **ids),
]

data = dict(type=dataset_type, version=2, data_prefix=dict(video=data_root))
train_dataloader = dict(dataset=dict(**data, ann_file=ann_file_train, pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(**data, ann_file=ann_file_val, pipeline=val_pipeline, test_mode=True)
)
test_dataloader = dict(
    dataset=dict(**data, ann_file=ann_file_val, pipeline=test_pipeline, test_mode=True)
)

val_evaluator = dict(type='VerbNounMetric')
test_evaluator = val_evaluator
