# Charades-Ego in clips of 8 frames, each 8 apart; every frame has a map.
_base_ = 'charades_ego.py'

clip = dict(clip_len=8, frame_interval=8)
resample = dict(SampleClampedFrames=clip, LoadTargets=dict(time_stride=1))
train_pipeline = [dict(step, **resample.get(step['type'], {})) for step in _base_.train_pipeline]
star_train_pipeline = [
    dict(step, **resample.get(step['type'], {})) for step in _base_.star_train_pipeline
]
val_pipeline = [dict(step, **resample.get(step['type'], {})) for step in _base_.val_pipeline]
test_pipeline = [dict(step, **resample.get(step['type'], {})) for step in _base_.test_pipeline]

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
