# Ego-Exo pre-training of UniFormerV2-B, from CLIP's weights, on Kinetics-400 with MMAction2's
# recipe. Nobody has published results of this combination.
_base_ = [
    '_egoexo_base_/models/uniformerv2_base.py',
    '_egoexo_base_/models/aux_heads.py',
    '_egoexo_base_/datasets/k400_targets_u8.py',
    '_egoexo_base_/schedules/adamw_uniformerv2_55e.py',
    '_egoexo_base_/default_runtime.py',
]

model = dict(
    type='EgoExoRecognizer',
    cls_head=dict(loss_cls=dict(type='CrossEntropyLoss', loss_weight=0.5)),
    aux_heads=_base_.aux_heads,
)
