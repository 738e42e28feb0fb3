# Ego-Exo pre-training of SlowFast 8x8 R101. No official pre-training config exists; the depth and the lateral kernel of 5
# are those of the published R101 weights.
_base_ = 'egoexo_slowfast_k400.py'

model = dict(
    backbone=dict(slow_pathway=dict(depth=101, fusion_kernel=5), fast_pathway=dict(depth=101))
)
