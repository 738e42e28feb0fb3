# Charades-Ego in clips of 8 frames, each 8 apart.
_base_ = ['charades_ego.py', 'clips_8x8.py']

clip = _base_.clip_8x8
train_pipeline, star_train_pipeline, val_pipeline, test_pipeline = (
    [dict(step, **_base_.resample.get(step['type'], {})) for step in pipeline]
    for pipeline in (
        _base_.train_pipeline,
        _base_.star_train_pipeline,
        _base_.val_pipeline,
        _base_.test_pipeline,
    )
)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
