# SlowFast 8x8 R50 on the 278 keysteps of Ego-Exo4D from plain Kinetics-400 weights, with the
# EPIC-KITCHENS recipe: none of this model is published for the benchmark.
_base_ = [
    '../../_egoexo_base_/models/finetune_slowfast_r50.py',
    '../../_egoexo_base_/datasets/egoexo4d_keystep.py',
    '../../_egoexo_base_/schedules/sgd_step_30e.py',
    '../../_egoexo_base_/finetune_runtime.py',
]

model = dict(cls_head=dict(type='ViewEnsembleHead', num_classes=278))
load_from = 'work_dirs/slowfast_k400/epoch_200.pth'
