# SlowFast 8x8 R101 on Charades-Ego: the baseline.
_base_ = 'slowfast_r50_charades_ego.py'

model = dict(
    backbone=dict(slow_pathway=dict(depth=101, fusion_kernel=5), fast_pathway=dict(depth=101))
)
load_from = 'checkpoints/slowfast_r101_k400.pth'  # no config here trains it: convert an official file or take MMAction2's
