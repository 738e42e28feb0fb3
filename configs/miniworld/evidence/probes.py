# Linear probes of a SlowFast's frozen features (tools/study/linear_probes.py): fitted on the
# first-person training segments, measured on the test segments.
_base_ = '../finetune.py'

model = dict(type='FeatureRecognizer', cls_head=None)
probe_test = [
    _base_.sample_test,
    dict(type='RawFrameDecode'),
    *_base_.centre,
    _base_.pack[0],
    dict(
        type='PackActionInputs',
        meta_keys=('narration_id', 'frame_inds', 'start_index', 'segment_start'),
    ),
]
part = dict(_base_.epic, pipeline=probe_test, test_mode=True)
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[
            dict(part, ann_file=f'{_base_.world}/epic100/EPIC_100_{split}.csv')
            for split in ('train', 'test')
        ],
    )
)
test_evaluator = dict(
    _delete_=True, type='LinearProbeMetric', records=f'{_base_.root}/records/segments.npz'
)
