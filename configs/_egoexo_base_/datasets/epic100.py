# EPIC-KITCHENS-100 as extracted frames with the official names. For the videos instead:
# data_prefix=dict(_delete_=True, video=...) of the three data sets, and ClipReaderInit,
# TrimSegment, SampleClampedFrames, DecordDecode in the pipelines, as in ego4d_fho.py.
_base_ = 'finetune_pipelines.py'

dataset_type = 'EpicKitchensDataset'
data_root = 'data/epic100'  # <participant>/rgb_frames/<video>/frame_0000000001.jpg
ann_file_train = 'data/epic100/EPIC_100_train.csv'
ann_file_val = 'data/epic100/EPIC_100_validation.csv'
interaction_store = 'data/targets/epic100_interaction'

ids = dict(meta_keys=('narration_id', 'participant_id', 'video_id'))
train_pipeline, star_train_pipeline, val_pipeline, test_pipeline = (
    [*pipeline[:-1], dict(pipeline[-1], **ids)]
    for pipeline in (
        _base_.train_pipeline,
        _base_.maps_train_pipeline,
        _base_.val_pipeline,
        _base_.test_pipeline,
    )
)

data = dict(type=dataset_type, version=100, data_prefix=dict(img=data_root))
train_dataloader = dict(dataset=dict(**data, ann_file=ann_file_train, pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(**data, ann_file=ann_file_val, pipeline=val_pipeline, test_mode=True)
)
test_dataloader = dict(
    dataset=dict(**data, ann_file=ann_file_val, pipeline=test_pipeline, test_mode=True)
)

val_evaluator = dict(type='VerbNounMetric')
test_evaluator = dict(  # All, Unseen, Tail
    type='VerbNounMetric',
    unseen_participants='validation',
    tail_verbs='data/epic100/EPIC_100_tail_verbs.csv',
    tail_nouns='data/epic100/EPIC_100_tail_nouns.csv',
)
