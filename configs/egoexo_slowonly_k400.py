# Ego-Exo pre-training of Slow 8x8 R50 on Kinetics-400: one pathway of 8 frames, all of which the
# interaction map sees.
_base_ = [
    '_egoexo_base_/models/egoexo_slowonly_r50.py',
    '_egoexo_base_/datasets/k400_targets_8x8.py',
    '_egoexo_base_/schedules/sgd_200e.py',
    '_egoexo_base_/default_runtime.py',
]
