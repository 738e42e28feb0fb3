# Ego-Exo pre-training of SlowFast 8x8 R101. No official pre-training config exists; this one has
# the depth and the lateral kernel of the published R101 weights.
_base_ = ['egoexo_slowfast_k400.py', '_egoexo_base_/models/slowfast_r101.py']

model = dict(backbone=_base_.r101)
