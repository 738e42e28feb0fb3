# VideoMAE's ViT-B on EPIC-KITCHENS-100 from plain Kinetics-400 weights: the baseline. Rate, epochs
# and layer decay are VideoMAE's on Something-Something V2. Dropout, mixup and cutmix are AVION's
# on EPIC-KITCHENS-100; AVION also smooths labels, this does not. Crops and the 64 frames of a clip
# are those of SlowFast here.
_base_ = [
    '../../_egoexo_base_/models/finetune_vit_base.py',
    '../../_egoexo_base_/models/blending.py',
    '../../_egoexo_base_/datasets/epic100_16x4.py',
    '../../_egoexo_base_/schedules/adamw_vit_30e.py',
    '../../_egoexo_base_/finetune_runtime.py',
]

model = dict(
    cls_head=dict(type='VerbNounHead', num_verbs=97, num_nouns=300),
    data_preprocessor=dict(blending=_base_.blending),
)
load_from = _base_.plain_weights
