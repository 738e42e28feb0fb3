# The Ego-Score teacher: tells the first-person from the third-person videos of the
# Charades-Ego-like set.
_base_ = ['_base_/slowfast.py', '_base_/runtime.py', '_base_/pipelines.py']

model = dict(
    cls_head=dict(
        type='ViewEnsembleHead',
        num_classes=2,
        in_channels=_base_.feature_channels,
        dropout_ratio=0.3,
        pool_size=None,
        topk=(1,),
    )
)

charades = dict(
    type='CharadesEgoViewDataset',
    view='both',
    data_prefix=dict(img=f'{_base_.world}/charades_ego/frames'),
)
train_dataloader = dict(
    dataset=dict(
        **charades,
        ann_file=f'{_base_.world}/charades_ego/CharadesEgo_v1_train.csv',
        pipeline=_base_.train,
    )
)
val_dataloader = dict(
    dataset=dict(
        **charades,
        ann_file=f'{_base_.world}/charades_ego/CharadesEgo_v1_test.csv',
        pipeline=_base_.test,
        test_mode=True,
    )
)
test_dataloader = val_dataloader
val_evaluator = test_evaluator = dict(type='EgoScoreMetric')

max_epochs = 30
train_cfg = dict(
    type='EpochBasedTrainLoop', max_epochs=max_epochs, val_begin=max_epochs, val_interval=max_epochs
)
optim_wrapper = dict(optimizer=dict(lr=2e-3))
param_scheduler = [dict(_base_.param_scheduler[0], T_max=max_epochs, end=max_epochs)]
default_hooks = dict(checkpoint=dict(interval=15))
