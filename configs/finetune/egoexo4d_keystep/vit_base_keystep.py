# VideoMAE's ViT-B on the 278 keysteps of Ego-Exo4D from plain Kinetics-400 weights, with the
# recipe of vit_base_epic100.py, and labels smoothed by 0.1.
_base_ = [
    '../../_egoexo_base_/models/finetune_vit_base.py',
    '../../_egoexo_base_/models/blending.py',
    '../../_egoexo_base_/datasets/egoexo4d_keystep_16x4.py',
    '../../_egoexo_base_/schedules/adamw_vit_30e.py',
    '../../_egoexo_base_/finetune_runtime.py',
]

augments = [dict(one, num_classes=278) for one in _base_.blending.augments]
model = dict(
    cls_head=dict(type='ViewEnsembleHead', num_classes=278, label_smooth_eps=0.1),
    data_preprocessor=dict(blending=dict(_base_.blending, augments=augments)),
)
load_from = _base_.plain_weights
