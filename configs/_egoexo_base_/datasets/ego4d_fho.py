# Ego4D v2, forecasting hands and objects: verb and noun of an action, from the clip videos of the
# LTA benchmark.
_base_ = 'finetune_pipelines.py'

dataset_type = 'Ego4DFHODataset'
data_root = 'data/ego4d/clips'  # <clip_uid>.mp4
ann_file_train = 'data/ego4d/annotations/fho_lta_train.json'
ann_file_val = 'data/ego4d/annotations/fho_lta_val.json'
interaction_store = 'data/targets/ego4d_interaction'

ids = dict(meta_keys=('narration_id', 'clip_uid', 'action_idx', 'video_id'))
train_pipeline, star_train_pipeline, val_pipeline, test_pipeline = (
    [
        new
        for step in pipeline
        for new in (
            [dict(type='ClipReaderInit'), dict(type='TrimSegment'), step]
            if step['type'] == 'SampleClampedFrames'
            else [dict(type='DecordDecode')]
            if step['type'] == 'RawFrameDecode'
            else [dict(step, **ids)]
            if step['type'] == 'PackActionInputs'
            else [step]
        )
    ]
    for pipeline in (
        _base_.train_pipeline,
        _base_.maps_train_pipeline,
        _base_.val_pipeline,
        _base_.test_pipeline,
    )
)

data = dict(type=dataset_type, version=2, data_prefix=dict(video=data_root))
train_dataloader = dict(dataset=dict(**data, ann_file=ann_file_train, pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(**data, ann_file=ann_file_val, pipeline=val_pipeline, test_mode=True)
)
test_dataloader = dict(
    dataset=dict(**data, ann_file=ann_file_val, pipeline=test_pipeline, test_mode=True)
)

val_evaluator = dict(type='VerbNounMetric')
test_evaluator = val_evaluator
