# The same on first-person clips of the EPIC-like test set, which no pre-training saw.
_base_ = 'maps.py'

test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='EpicKitchensDataset',
        version=100,
        data_prefix=dict(img=f'{_base_.world}/epic100'),
        ann_file=f'{_base_.world}/epic100/EPIC_100_test.csv',
        test_mode=True,
        targets=dict(interaction_map=f'{_base_.world}/truth/epic100'),
        pipeline=_base_.target_test,
    )
)
