# Ego-Exo* of the small ViT.
_base_ = ['../finetune_star.py', '_base_/vit.py']

model = dict(
    backbone=_base_.vit,
    cls_head=dict(in_channels=_base_.vit_channels),
    aux_heads=dict(interaction_map=dict(in_channels=None)),
)
vit_targets = [
    dict(type='LoadTargets') if step['type'] == 'LoadTargets' else step
    for step in _base_.target_train
]
train_dataloader = dict(dataset=dict(pipeline=vit_targets))
optim_wrapper = dict(optimizer=dict(lr=_base_.vit_rate))
