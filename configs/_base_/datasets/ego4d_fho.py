# Ego4D v2, forecasting hands and objects: verb and noun of an action, from the clip videos of the LTA benchmark.
dataset_type = 'Ego4DFHODataset'
data_root = 'data/ego4d/clips'  # <clip_uid>.mp4
ann_file_train = 'data/ego4d/annotations/fho_lta_train.json'
ann_file_val = 'data/ego4d/annotations/fho_lta_val.json'

ids = dict(meta_keys=('narration_id', 'clip_uid', 'action_idx', 'video_id'))
clip = dict(clip_len=32, frame_interval=2)
train_pipeline = [
    dict(type='SeedAugmentations'),
    dict(type='DecordInit'),
    dict(type='TrimSegment'),
    dict(type='SampleClampedFrames', **clip),
    dict(type='DecordDecode'),
    dict(type='RandomRescale', scale_range=(256, 320)),
    dict(type='RandomCrop', size=224),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', **ids)
]
val_pipeline = [
    dict(type='DecordInit'),
    dict(type='TrimSegment'),
    dict(type='SampleClampedFrames', num_clips=1, test_mode=True, **clip),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='CenterCrop', crop_size=224),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', **ids)
]
test_pipeline = [  # 10 clips x 3 crops
    dict(type='DecordInit'),
    dict(type='TrimSegment'),
    dict(type='SampleClampedFrames', num_clips=10, test_mode=True, **clip),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='UniformThreeCrop', crop_size=256),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', **ids)
]

loader = dict(batch_size=8, num_workers=8, persistent_workers=True)
data = dict(type=dataset_type, version=2, data_prefix=dict(video=data_root))
train_dataloader = dict(
    **loader,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(**data, ann_file=ann_file_train, pipeline=train_pipeline))
val_dataloader = dict(
    **loader,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**data, ann_file=ann_file_val, pipeline=val_pipeline, test_mode=True))
test_dataloader = dict(
    **dict(loader, batch_size=1),
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**data, ann_file=ann_file_val, pipeline=test_pipeline, test_mode=True))

val_evaluator = dict(type='VerbNounMetric')
test_evaluator = val_evaluator
