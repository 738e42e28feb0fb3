# Slow 8x8 R50 on Charades-Ego from plain Kinetics-400 weights: the baseline.
_base_ = [
    '../../_egoexo_base_/models/finetune_slowonly_r50.py',
    '../../_egoexo_base_/datasets/charades_ego_8x8.py',
    '../../_egoexo_base_/schedules/sgd_cosine_60e.py',
    '../../_egoexo_base_/finetune_runtime.py',
]

model = dict(
    cls_head=dict(
        type='ViewEnsembleHead',
        num_classes=157,
        multi_class=True,
        loss_cls=dict(type='BCELossWithLogits'),
        activation='sigmoid',
        ensemble='max',
    )
)
default_hooks = dict(checkpoint=dict(interval=10))
load_from = 'work_dirs/slowonly_k400/epoch_200.pth'
