# Ego-Exo pre-training of SlowFast 8x8 R50 on Kinetics-400.
_base_ = [
    '_base_/models/egoexo_slowfast_r50.py', '_base_/datasets/k400_targets.py', '_base_/schedules/sgd_200e.py',
    '_base_/default_runtime.py'
]
