# Ego-Exo pre-training of TSM R50, from ImageNet weights, on Kinetics-400 with MMAction2's recipe.
# Nobody has published results of this combination.
_base_ = [
    '_egoexo_base_/models/tsm_r50.py',
    '_egoexo_base_/models/aux_heads.py',
    '_egoexo_base_/datasets/k400_targets_1x1x8.py',
    '_egoexo_base_/schedules/sgd_tsm_50e.py',
    '_egoexo_base_/default_runtime.py',
]

model = dict(
    type='EgoExoRecognizer2D',
    cls_head=dict(loss_cls=dict(type='CrossEntropyLoss', loss_weight=0.5)),
    aux_heads=_base_.aux_heads,
)
