# Baseline: Slow 8x8 R50 without teachers.
_base_ = [
    '_egoexo_base_/models/slowonly_r50.py',
    '_egoexo_base_/datasets/k400_8x8.py',
    '_egoexo_base_/schedules/sgd_200e.py',
    '_egoexo_base_/default_runtime.py',
]

model = dict(type='EgoExoRecognizer')  # as in slowfast_k400.py
