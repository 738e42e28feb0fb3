# The baseline of the maps: a map head trained for as many iterations, with the same targets, on the
# frozen features of third_vit.py (load_from).
_base_ = 'interaction_map_vit.py'

frozen = dict(lr_mult=0.0, decay_mult=0.0)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=frozen, cls_head=frozen)))
custom_hooks = [*_base_.custom_hooks, dict(type='CheckWeightsHook')]
