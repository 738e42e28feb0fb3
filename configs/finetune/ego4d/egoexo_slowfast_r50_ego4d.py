# Ego-Exo: SlowFast 8x8 R50 on Ego4D v2 from Ego-Exo weights.
_base_ = 'slowfast_r50_ego4d.py'

load_from = 'work_dirs/egoexo_slowfast_k400/epoch_200.pth'
