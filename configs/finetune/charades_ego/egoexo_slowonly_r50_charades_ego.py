# Ego-Exo: Slow 8x8 R50 on Charades-Ego from Ego-Exo weights.
_base_ = 'slowonly_r50_charades_ego.py'

load_from = 'work_dirs/egoexo_slowonly_k400/epoch_200.pth'
