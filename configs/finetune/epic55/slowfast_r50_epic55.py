# SlowFast 8x8 R50 on EPIC-KITCHENS-55 from plain Kinetics-400 weights: the baseline. (The official
# plain and Ego-Exo runs also re-estimate BN statistics on 200 batches before each evaluation; left
# out here.)
_base_ = [
    '../../_egoexo_base_/models/finetune_slowfast_r50.py',
    '../../_egoexo_base_/datasets/epic55.py',
    '../../_egoexo_base_/schedules/sgd_step_30e.py',
    '../../_egoexo_base_/finetune_runtime.py',
]

model = dict(cls_head=dict(type='VerbNounHead', num_verbs=125, num_nouns=352))
load_from = 'work_dirs/slowfast_k400/epoch_200.pth'
