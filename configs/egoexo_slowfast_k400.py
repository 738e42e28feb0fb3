# Ego-Exo pre-training of SlowFast 8x8 R50 on Kinetics-400.
_base_ = [
    '_egoexo_base_/models/egoexo_slowfast_r50.py',
    '_egoexo_base_/datasets/k400_targets.py',
    '_egoexo_base_/schedules/sgd_200e.py',
    '_egoexo_base_/default_runtime.py',
]
