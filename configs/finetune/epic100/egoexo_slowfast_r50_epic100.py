# Ego-Exo: SlowFast 8x8 R50 on EPIC-KITCHENS-100 from Ego-Exo weights.
_base_ = 'slowfast_r50_epic100.py'

load_from = 'work_dirs/egoexo_slowfast_k400/epoch_200.pth'
