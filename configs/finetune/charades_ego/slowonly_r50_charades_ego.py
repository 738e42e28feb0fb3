# Slow 8x8 R50 on Charades-Ego from plain Kinetics-400 weights: the baseline.
_base_ = [
    '../../_egoexo_base_/models/finetune_slowonly_r50.py',
    '../../_egoexo_base_/models/charades_head.py',
    '../../_egoexo_base_/datasets/charades_ego_8x8.py',
    '../../_egoexo_base_/schedules/sgd_cosine_60e.py',
    '../../_egoexo_base_/finetune_runtime.py',
]

model = dict(cls_head=_base_.charades_head)
default_hooks = dict(checkpoint=dict(interval=10))
load_from = 'work_dirs/slowonly_k400/epoch_200.pth'
