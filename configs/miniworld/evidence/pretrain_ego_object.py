# Third-person videos and two teachers: Ego-Exo without the map loss.
_base_ = '../pretrain_egoexo.py'

model = dict(aux_heads=dict(interaction_map=None))
train_dataloader = dict(dataset=dict(targets=dict(interaction_map=None)))
