# Ego-Exo with the small ViT. The model tells channels, frames and cells.
_base_ = ['../pretrain_egoexo.py', '_base_/vit.py']

model = dict(
    backbone=_base_.vit,
    cls_head=dict(in_channels=_base_.vit_channels),
    aux_heads=dict(
        ego_score=dict(in_channels=None),
        object_score=dict(in_channels=None),
        interaction_map=dict(in_channels=None),
    ),
)
vit_targets = [
    dict(type='LoadTargets') if step['type'] == 'LoadTargets' else step
    for step in _base_.pair_target_train
]
train_dataloader = dict(dataset=dict(pipeline=vit_targets))
optim_wrapper = dict(optimizer=dict(lr=_base_.vit_rate))
