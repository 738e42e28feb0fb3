# Keysteps of Ego-Exo4D in clips of 16 frames, each 4 apart.
_base_ = ['egoexo4d_keystep.py', 'clips_16x4.py']

clip = _base_.clip_16x4
train_pipeline, star_train_pipeline, val_pipeline, test_pipeline = (
    [dict(step, **_base_.resample_16x4.get(step['type'], {})) for step in pipeline]
    for pipeline in (
        _base_.train_pipeline,
        _base_.star_train_pipeline,
        _base_.val_pipeline,
        _base_.test_pipeline,
    )
)
train_dataloader = dict(
    collate_fn=_base_.repeats_collate, dataset=dict(**_base_.repeats, pipeline=train_pipeline)
)
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
