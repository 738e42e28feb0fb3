# Kinetics-400 in clips of 8 frames, each 8 apart, no teacher targets.
_base_ = ['k400.py', 'clips_8x8.py']

clip = _base_.clip_8x8
train_pipeline, val_pipeline, test_pipeline = (
    [dict(step, **_base_.resample.get(step['type'], {})) for step in pipeline]
    for pipeline in (_base_.train_pipeline, _base_.val_pipeline, _base_.test_pipeline)
)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
