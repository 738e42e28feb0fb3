# SlowFast 8x8 R50 on Ego4D v2 (verb and noun, 117 and 521 classes) from plain Kinetics-400 weights.
# Rate 1e-4 and 30 epochs are those of Ego4D's recognition baseline; batch, schedule and
# augmentation are those of the EPIC-KITCHENS recipe.
_base_ = [
    '../../_egoexo_base_/models/finetune_slowfast_r50.py',
    '../../_egoexo_base_/datasets/ego4d_fho.py',
    '../../_egoexo_base_/schedules/sgd_step_30e.py',
    '../../_egoexo_base_/finetune_runtime.py',
]

model = dict(cls_head=dict(type='VerbNounHead', num_verbs=117, num_nouns=521))
optim_wrapper = dict(optimizer=dict(lr=1e-4))
load_from = 'work_dirs/slowfast_k400/epoch_200.pth'
