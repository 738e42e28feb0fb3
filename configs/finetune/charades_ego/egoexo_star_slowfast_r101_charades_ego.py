# Ego-Exo*: SlowFast 8x8 R101 on Charades-Ego from Ego-Exo weights.
_base_ = ['egoexo_star_slowfast_r50_charades_ego.py', '../../_egoexo_base_/models/slowfast_r101.py']

model = dict(backbone=_base_.r101)
load_from = 'work_dirs/egoexo_slowfast_r101_k400/epoch_200.pth'
