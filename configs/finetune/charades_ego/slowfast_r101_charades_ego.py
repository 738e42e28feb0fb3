# SlowFast 8x8 R101 on Charades-Ego: the baseline.
_base_ = ['slowfast_r50_charades_ego.py', '../../_egoexo_base_/models/slowfast_r101.py']

model = dict(backbone=_base_.r101)
# no config here trains it: convert an official file or take MMAction2's
load_from = 'checkpoints/slowfast_r101_k400.pth'
