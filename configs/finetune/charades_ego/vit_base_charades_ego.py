# VideoMAE's ViT-B on Charades-Ego from plain Kinetics-400 weights: the baseline. Rate, epochs and
# layer decay are VideoMAE's on Something-Something V2, dropout is AVION's. Without mixup and
# cutmix, as SlowFast here: labels are several classes a clip.
_base_ = [
    '../../_egoexo_base_/models/finetune_vit_base.py',
    '../../_egoexo_base_/models/charades_head.py',
    '../../_egoexo_base_/datasets/charades_ego_16x4.py',
    '../../_egoexo_base_/schedules/adamw_vit_30e.py',
    '../../_egoexo_base_/finetune_runtime.py',
]

model = dict(cls_head=_base_.charades_head)
default_hooks = dict(checkpoint=dict(interval=10))
load_from = _base_.plain_weights
