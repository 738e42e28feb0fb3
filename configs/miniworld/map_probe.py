# The baseline of the maps: a map head trained for as many iterations, with the same targets, on the
# frozen features of a pre-training without the map loss (load_from).
_base_ = 'pretrain_interaction_map.py'

model = dict(backbone=dict(slow_pathway=dict(norm_eval=True), fast_pathway=dict(norm_eval=True)))
frozen = dict(lr_mult=0.0, decay_mult=0.0)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=dict(backbone=frozen, cls_head=frozen)))
custom_hooks = [*_base_.custom_hooks, dict(type='CheckWeightsHook')]
