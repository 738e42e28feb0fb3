# EPIC-KITCHENS-55 as extracted frames, split as in the official Ego-Exo code, which ships the
# lists.
_base_ = 'epic100.py'

interaction_store = 'data/targets/epic55_interaction'

data = dict(version=55, data_prefix=dict(img='data/epic55'))  # <video>/frame_0000000001.jpg
ann_file_train = 'data/epic55/EPIC_train.pkl'
ann_file_val = 'data/epic55/EPIC_val.pkl'
train_dataloader = dict(dataset=dict(**data, ann_file=ann_file_train))
val_dataloader = dict(dataset=dict(**data, ann_file=ann_file_val))
test_dataloader = dict(dataset=dict(**data, ann_file=ann_file_val))
test_evaluator = dict(_delete_=True, type='VerbNounMetric')
