# Baseline: the same backbone and schedule without teachers. As in the reference it has dropout 0.5
# and a class loss of weight 1, where Ego-Exo has no dropout and weight 0.5. (The reference also
# re-estimates BN statistics on 200 batches before each evaluation of its baseline; that is left out
# here.)
_base_ = [
    '_egoexo_base_/models/slowfast_r50.py',
    '_egoexo_base_/datasets/k400.py',
    '_egoexo_base_/schedules/sgd_200e.py',
    '_egoexo_base_/default_runtime.py',
]

# The stock recognizer with its class loss on the device: no read by the host in a step, and
# bfloat16 works. Checkpoints are those of Recognizer3D.
model = dict(type='EgoExoRecognizer')
