# The test of every fine-tuning on SlowFast, with nouns apart by what else is in sight. Frames are
# read one by one: each is needed once.
_base_ = '../finetune.py'

frames_test = [_base_.sample_test, dict(type='RawFrameDecode'), *_base_.centre, *_base_.pack]
test_dataloader = dict(dataset=dict(pipeline=frames_test))
test_evaluator = [
    _base_.test_evaluator,
    dict(type='ThingsInSightMetric', records=f'{_base_.root}/records/segments.npz'),
]
