# The same on one GPU: 8 steps of 8 videos, so that rate and batch are those of 8 GPUs, and blocks
# that compute their activations again. See docs/performance.md for the memory.
_base_ = 'egoexo_vit_base_k400.py'

optim_wrapper = dict(accumulative_counts=8)
custom_hooks = [*_base_.custom_hooks, dict(type='CheckpointBlocksHook')]
auto_scale_lr = dict(base_batch_size=8)
