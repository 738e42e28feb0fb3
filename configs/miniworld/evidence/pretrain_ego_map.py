# Third-person videos and two teachers: Ego-Exo without Object-Score.
_base_ = '../pretrain_egoexo.py'

model = dict(aux_heads=dict(object_score=None))
train_dataloader = dict(dataset=dict(targets=dict(object_score=None)))
