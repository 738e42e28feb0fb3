# The Ego-Score teacher trained on the videos of Charades-Ego as they are (CharadesEgo_v1_480),
# without extracted frames.
_base_ = 'ego_score_slowfast_r50_charades_ego.py'

train_pipeline, val_pipeline, test_pipeline = (
    [
        new
        for step in pipeline
        for new in (
            [dict(type='ClipReaderInit'), step]
            if step['type'] == 'SampleClampedFrames'
            else [dict(type='DecordDecode')]
            if step['type'] == 'RawFrameDecode'
            else [step]
        )
    ]
    for pipeline in (_base_.train_pipeline, _base_.val_pipeline, _base_.test_pipeline)
)

data = dict(
    _delete_=True,
    type='CharadesEgoViewDataset',
    view='both',
    # <video>.mp4
    data_prefix=dict(video='data/charades_ego/CharadesEgo_v1_480'),
)
train_dataloader = dict(
    dataset=dict(**data, ann_file=_base_.ann_file_train, pipeline=train_pipeline)
)
val_dataloader = dict(
    dataset=dict(**data, ann_file=_base_.ann_file_test, pipeline=val_pipeline, test_mode=True)
)
test_dataloader = dict(
    dataset=dict(**data, ann_file=_base_.ann_file_test, pipeline=test_pipeline, test_mode=True)
)
