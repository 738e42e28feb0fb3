# Kinetics-400 with the reference's sampling and augmentation, no teacher targets.
_base_ = 'loaders.py'

dataset_type = 'VideoTargetDataset'
data_root = 'data/kinetics400/videos_train'
data_root_val = 'data/kinetics400/videos_val'
ann_file_train = 'data/kinetics400/kinetics400_train_list_videos.txt'
ann_file_val = 'data/kinetics400/kinetics400_val_list_videos.txt'

clip = dict(clip_len=32, frame_interval=2)
num_maps = 8  # slow frames of the 8x8 models; each has a map where there are targets
train_pipeline = [
    dict(type='SeedAugmentations'),
    dict(type='ClipReaderInit'),
    dict(type='SampleTimeWindow', **clip),
    dict(type='DecordDecode'),
    dict(type='RandomRescaleCrop', scale_range=(256, 320), size=224),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
val_pipeline = [
    dict(type='ClipReaderInit'),
    dict(type='SampleFrames', num_clips=1, target_fps=30, test_mode=True, **clip),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='CenterCrop', crop_size=224),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
test_pipeline = [  # 10 clips x 3 crops, cut from frames that are sent to the model once
    dict(type='ClipReaderInit'),
    dict(type='SampleTimeWindow', num_clips=10, test_mode=True, **clip),
    dict(type='UniqueFrames'),
    dict(type='DecordDecode'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='RepeatFrames'),
    dict(type='ThreeCrop', crop_size=256),
    dict(type='FormatViews'),
    dict(type='PackActionInputs', collect_keys=('frames', 'clip_frames', 'crops')),
]

train_dataloader = dict(
    dataset=dict(
        type=dataset_type,
        ann_file=ann_file_train,
        data_prefix=dict(video=data_root),
        pipeline=train_pipeline,
    )
)
evaluated = dict(
    type=dataset_type, ann_file=ann_file_val, data_prefix=dict(video=data_root_val), test_mode=True
)
val_dataloader = dict(dataset=dict(**evaluated, pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(**evaluated, pipeline=test_pipeline))

val_evaluator = dict(type='AccMetric')
test_evaluator = val_evaluator
