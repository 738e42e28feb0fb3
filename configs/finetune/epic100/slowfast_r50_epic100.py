# SlowFast 8x8 R50 on EPIC-KITCHENS-100 from plain Kinetics-400 weights: the baseline.
# The rate is 0.01 for the 64 clips of one node. The official run has 0.02 on two nodes (128 clips);
# on each of them:
#   NNODES=2 NODE_RANK=<0|1> MASTER_ADDR=<node 0> bash tools/dist_train.sh CONFIG 8 --auto-scale-lr
# (The official plain and Ego-Exo runs also re-estimate BN statistics on 200 batches before each
# evaluation; left out here.)
_base_ = [
    '../../_egoexo_base_/models/finetune_slowfast_r50.py',
    '../../_egoexo_base_/datasets/epic100.py',
    '../../_egoexo_base_/schedules/sgd_step_30e.py',
    '../../_egoexo_base_/finetune_runtime.py',
]

model = dict(cls_head=dict(type='VerbNounHead', num_verbs=97, num_nouns=300))
load_from = 'work_dirs/slowfast_k400/epoch_200.pth'
