# Fine-tuning on the EPIC-like segments, verbs and nouns; the same for every cell, from load_from or
# from scratch. Each seed (STUDY_SEED) sees 208 of the 240 training segments.
_base_ = ['_base_/slowfast.py', '_base_/runtime.py', '_base_/pipelines.py']

model = dict(
    cls_head=dict(
        type='VerbNounHead',
        num_verbs=6,
        num_nouns=8,
        in_channels=_base_.feature_channels,
        dropout_ratio=0.3,
        init_std=0.07,
        pool_size=None,
    )
)

left_out = int('{{$STUDY_SEED:0}}')
epic = dict(
    type='EpicKitchensDataset', version=100, data_prefix=dict(img=f'{_base_.world}/epic100')
)
kept = [
    row for row in range(240) if (row * 77 + left_out * 49) % 240 < 208
]  # 77 and 240 have no common divisor
train_dataloader = dict(
    dataset=dict(
        **epic,
        ann_file=f'{_base_.world}/epic100/EPIC_100_train.csv',
        indices=kept,
        pipeline=_base_.train,
    )
)
val_dataloader = dict(
    dataset=dict(
        **epic,
        ann_file=f'{_base_.world}/epic100/EPIC_100_validation.csv',
        pipeline=_base_.test,
        test_mode=True,
    )
)
test_dataloader = dict(
    dataset=dict(
        **epic,
        ann_file=f'{_base_.world}/epic100/EPIC_100_test.csv',
        pipeline=_base_.test,
        test_mode=True,
    )
)
val_evaluator = test_evaluator = dict(type='VerbNounMetric')

max_epochs = 32  # of 13 iterations
train_cfg = dict(
    type='EpochBasedTrainLoop', max_epochs=max_epochs, val_begin=max_epochs, val_interval=max_epochs
)
optim_wrapper = dict(optimizer=dict(lr=4e-3))
param_scheduler = [dict(_base_.param_scheduler[0], T_max=max_epochs, end=max_epochs)]
default_hooks = dict(checkpoint=dict(interval=max_epochs // 2))
custom_hooks = [*_base_.custom_hooks, dict(type='CheckWeightsHook')]
