# Charades-Ego, first-person videos as folders of frames (24 a second). Frames are labelled with
# some of 157 classes. Their union over the clip is the label in training, over the video in
# testing.
_base_ = 'finetune_pipelines.py'

dataset_type = 'CharadesEgoDataset'
data_root = 'data/charades_ego/rgb'  # <video>/<video>-000001.jpg
# frame lists of the official Ego-Exo code; CharadesEgo_v1_{train,test}.csv of the data set work too
ann_file_train = 'data/charades_ego/train_1st.csv'
ann_file_test = 'data/charades_ego/test_1st.csv'
interaction_store = 'data/targets/charades_ego_interaction'

train_pipeline, star_train_pipeline, val_pipeline, test_pipeline = (
    [
        new
        for step in pipeline
        for new in (
            [step, dict(type='UnionFrameLabels', num_classes=157, scope=scope)]
            if step['type'] == 'SampleClampedFrames'
            else [step]
        )
    ]
    for pipeline, scope in (
        (_base_.train_pipeline, 'clip'),
        (_base_.maps_train_pipeline, 'clip'),
        (_base_.val_pipeline, 'video'),
        (_base_.test_pipeline, 'video'),
    )
)

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
