# Third-person only: the verbs of the Kinetics-like list, no teacher. As in Kinetics, a label names
# the action; the object is not learnt from labels. All pre-trainings inherit this one and take as
# many iterations (1,792; STUDY_EPOCHS changes it). Each seed (STUDY_SEED) sees 448 of the 480
# clips.
_base_ = ['_base_/slowfast.py', '_base_/runtime.py', '_base_/pipelines.py']

num_classes = 48
# init_std: with the usual 0.01 the verbs stay at chance for most of so short a training
model = dict(
    cls_head=dict(
        type='VerbNounHead',
        num_verbs=6,
        num_nouns=8,
        in_channels=_base_.feature_channels,
        dropout_ratio=0.0,
        init_std=0.07,
        pool_size=None,
        loss_verb=dict(type='CrossEntropyLoss', loss_weight=0.5),
        loss_noun=dict(type='CrossEntropyLoss', loss_weight=0.0),
    )
)

kinetics = dict(
    type='VideoTargetDataset',
    data_prefix=dict(video=f'{_base_.world}/kinetics/videos'),
    num_classes=num_classes,
)
left_out = int('{{$STUDY_SEED:0}}')
kept = [
    row for row in range(480) if (row * 77 + left_out * 101) % 480 < 448
]  # 77 and 480 have no common divisor
train_dataloader = dict(
    dataset=dict(
        **kinetics,
        ann_file=f'{_base_.world}/kinetics/train.txt',
        indices=kept,
        pipeline=_base_.pair_train,
    )
)
val_dataloader = dict(
    dataset=dict(
        **kinetics,
        ann_file=f'{_base_.world}/kinetics/val.txt',
        pipeline=_base_.pair_test,
        test_mode=True,
    )
)
test_dataloader = val_dataloader
val_evaluator = test_evaluator = dict(type='VerbNounMetric')

max_epochs = int('{{$STUDY_EPOCHS:64}}')  # of 28 iterations
train_cfg = dict(
    type='EpochBasedTrainLoop', max_epochs=max_epochs, val_begin=max_epochs, val_interval=max_epochs
)
param_scheduler = [
    dict(_base_.param_scheduler[0], T_max=max_epochs, warmup=max_epochs / 10, end=max_epochs)
]
default_hooks = dict(checkpoint=dict(interval=max_epochs // 2))
