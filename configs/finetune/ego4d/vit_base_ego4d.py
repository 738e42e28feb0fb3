# VideoMAE's ViT-B on Ego4D v2 (verb and noun, 117 and 521 classes) from plain Kinetics-400 weights,
# with the recipe of vit_base_epic100.py.
_base_ = [
    '../../_egoexo_base_/models/finetune_vit_base.py',
    '../../_egoexo_base_/models/blending.py',
    '../../_egoexo_base_/datasets/ego4d_fho_16x4.py',
    '../../_egoexo_base_/schedules/adamw_vit_30e.py',
    '../../_egoexo_base_/finetune_runtime.py',
]

model = dict(
    cls_head=dict(type='VerbNounHead', num_verbs=117, num_nouns=521),
    data_preprocessor=dict(blending=_base_.blending),
)
load_from = _base_.plain_weights
