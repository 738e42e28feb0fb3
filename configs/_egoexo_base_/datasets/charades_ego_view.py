# Charades-Ego labelled by its cameras (0 third person, 1 first person), as folders of frames (24 a second).
_base_ = 'loaders.py'

dataset_type = 'CharadesEgoViewDataset'
data_root = 'data/charades_ego/rgb'  # <video>/<video>-000001.jpg
ann_file_train = 'data/charades_ego/CharadesEgo_v1_train.csv'  # both views
ann_file_test = 'data/charades_ego/CharadesEgo_v1_test.csv'

clip = dict(clip_len=32, frame_interval=2)
train_pipeline = [
    dict(type='SeedAugmentations'),
    dict(type='SampleClampedFrames', **clip),
    dict(type='RawFrameDecode'),
    dict(type='RandomRescaleCrop', scale_range=(256, 320), size=224),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
val_pipeline = [
    dict(type='SampleClampedFrames', num_clips=1, test_mode=True, **clip),
    dict(type='RawFrameDecode'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='CenterCrop', crop_size=224),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
test_pipeline = [
    dict(val_pipeline[0], num_clips=10),
    *val_pipeline[1:],
]  # 10 clips, centre crop: what the teacher will see

data = dict(type=dataset_type, view='both', data_prefix=dict(img=data_root))
train_dataloader = dict(dataset=dict(**data, ann_file=ann_file_train, pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(**data, ann_file=ann_file_test, pipeline=val_pipeline, test_mode=True)
)
test_dataloader = dict(
    dataset=dict(**data, ann_file=ann_file_test, pipeline=test_pipeline, test_mode=True)
)

val_evaluator = dict(type='EgoScoreMetric')
test_evaluator = dict(type='EgoScoreMetric', fit_temperature=True)
