# Third-person videos and two teachers: Ego-Exo without Ego-Score.
_base_ = '../pretrain_egoexo.py'

model = dict(aux_heads=dict(ego_score=None))
train_dataloader = dict(dataset=dict(targets=dict(ego_score=None)))
