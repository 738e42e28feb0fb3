# Charades-Ego, first-person videos as folders of frames (24 a second). Frames are labelled with some of 157 classes; their
# union over the clip is the label in training, that over the video in testing.
_base_ = 'loaders.py'

dataset_type = 'CharadesEgoDataset'
data_root = 'data/charades_ego/rgb'  # <video>/<video>-000001.jpg
# the frame lists of the official Ego-Exo code; CharadesEgo_v1_{train,test}.csv of the data set work as well
ann_file_train = 'data/charades_ego/train_1st.csv'
ann_file_test = 'data/charades_ego/test_1st.csv'
interaction_store = 'data/targets/charades_ego_interaction'

clip = dict(clip_len=32, frame_interval=2)
train_pipeline = [
    dict(type='SeedAugmentations'),
    dict(type='SampleClampedFrames', **clip),
    dict(type='UnionFrameLabels', num_classes=157, scope='clip'),
    dict(type='RawFrameDecode'),
    dict(type='RandomRescaleCrop', scale_range=(256, 320), size=224),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
star_train_pipeline = [  # for Ego-Exo*: the same clips with the maps of hands and held objects
    dict(type='SeedAugmentations'),
    dict(type='SampleClampedFrames', **clip),
    dict(type='UnionFrameLabels', num_classes=157, scope='clip'),
    dict(type='RawFrameDecode'),
    dict(type='TrackGeometry'),
    dict(type='RandomRescaleCrop', scale_range=(256, 320), size=224),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='LoadTargets', time_stride=4, frame_sampling='linspace'),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', algorithm_keys=('interaction_map',)),
]
val_pipeline = [
    dict(type='SampleClampedFrames', num_clips=1, test_mode=True, **clip),
    dict(type='UnionFrameLabels', num_classes=157, scope='video'),
    dict(type='RawFrameDecode'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='CenterCrop', crop_size=224),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
test_pipeline = [  # 10 clips x 3 crops, cut from frames that are sent to the model once
    dict(type='SampleClampedFrames', num_clips=10, test_mode=True, **clip),
    dict(type='UnionFrameLabels', num_classes=157, scope='video'),
    dict(type='UniqueFrames'),
    dict(type='RawFrameDecode'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='RepeatFrames'),
    dict(type='UniformThreeCrop', crop_size=256),
    dict(type='FormatViews'),
    dict(type='PackActionInputs', collect_keys=('frames', 'clip_frames', 'crops')),
]

data = dict(type=dataset_type, view='first', data_prefix=dict(img=data_root))
train_dataloader = dict(dataset=dict(**data, ann_file=ann_file_train, pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(**data, ann_file=ann_file_test, pipeline=val_pipeline, test_mode=True)
)
test_dataloader = dict(
    dataset=dict(**data, ann_file=ann_file_test, pipeline=test_pipeline, test_mode=True)
)

val_evaluator = dict(type='CharadesMetric')
test_evaluator = val_evaluator
