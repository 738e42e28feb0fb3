# Ego-Exo: SlowFast 8x8 R101 on EPIC-KITCHENS-100 from Ego-Exo weights.
_base_ = 'egoexo_slowfast_r50_epic100.py'

model = dict(
    backbone=dict(slow_pathway=dict(depth=101, fusion_kernel=5), fast_pathway=dict(depth=101))
)
load_from = 'work_dirs/egoexo_slowfast_r101_k400/epoch_200.pth'
