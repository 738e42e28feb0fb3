# Charades-Ego labelled by its cameras (0 third person, 1 first person), as folders of frames (24 a
# second).
_base_ = 'finetune_pipelines.py'

dataset_type = 'CharadesEgoViewDataset'
data_root = 'data/charades_ego/rgb'  # <video>/<video>-000001.jpg
ann_file_train = 'data/charades_ego/CharadesEgo_v1_train.csv'  # both views
ann_file_test = 'data/charades_ego/CharadesEgo_v1_test.csv'

train_pipeline, val_pipeline = _base_.train_pipeline, _base_.val_pipeline
# 10 clips, centre crop: what the teacher will see
test_pipeline = [dict(_base_.val_pipeline[0], num_clips=10), *_base_.val_pipeline[1:]]

data = dict(type=dataset_type, view='both', data_prefix=dict(img=data_root))
train_dataloader = dict(dataset=dict(**data, ann_file=ann_file_train, pipeline=train_pipeline))
val_dataloader = dict(
    dataset=dict(**data, ann_file=ann_file_test, pipeline=val_pipeline, test_mode=True)
)
test_dataloader = dict(
    dataset=dict(**data, ann_file=ann_file_test, pipeline=test_pipeline, test_mode=True)
)

val_evaluator = dict(type='EgoScoreMetric')
test_evaluator = dict(type='EgoScoreMetric', fit_temperature=True)
