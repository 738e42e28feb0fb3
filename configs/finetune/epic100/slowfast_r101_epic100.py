# SlowFast 8x8 R101 on EPIC-KITCHENS-100: the baseline.
_base_ = ['slowfast_r50_epic100.py', '../../_egoexo_base_/models/slowfast_r101.py']

model = dict(backbone=_base_.r101)
# no config here trains it: convert an official file or take MMAction2's
load_from = 'checkpoints/slowfast_r101_k400.pth'
