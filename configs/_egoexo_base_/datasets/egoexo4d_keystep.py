# Ego-Exo4D keystep recognition on the benchmark's cut clips (448p) of the first-person camera;
# views='all' adds the others.
_base_ = 'ego4d_fho.py'

ids = dict(meta_keys=('segment_id', 'video_id'))
train_pipeline, star_train_pipeline, val_pipeline, test_pipeline = (
    [*pipeline[:-1], dict(pipeline[-1], **ids)]
    for pipeline in (
        _base_.train_pipeline,
        _base_.star_train_pipeline,
        _base_.val_pipeline,
        _base_.test_pipeline,
    )
)

data = dict(
    _delete_=True,
    type='EgoExo4DKeystepDataset',
    views='ego',
    label_mapping='data/egoexo4d/annotations/label_mapping.csv',
    data_prefix=dict(video='data/egoexo4d/keystep_benchmark/clips_448p'),
)
ann_file_train = 'data/egoexo4d/annotations/keystep_segment_train.json'
ann_file_val = 'data/egoexo4d/annotations/keystep_segment_val.json'
train_dataloader = dict(dataset=dict(**data, ann_file=ann_file_train, pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(**data, ann_file=ann_file_val, pipeline=val_pipeline, test_mode=True)
)
test_dataloader = dict(
    dataset=dict(**data, ann_file=ann_file_val, pipeline=test_pipeline, test_mode=True)
)

val_evaluator = dict(type='KeystepMetric', _delete_=True)
test_evaluator = val_evaluator
