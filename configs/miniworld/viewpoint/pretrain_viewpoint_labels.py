# Third-person clips and the first-person camera of the takes, each with the verbs of its clips. No
# teacher: what pretrain_viewpoint.py is compared with. As many iterations as pretrain_third.py.
_base_ = '../pretrain_third.py'

takes = dict(
    type='EgoExo4DKeystepDataset',
    views='ego',
    ann_file=f'{_base_.root}/takes/keystep_segment_train.json',
    label_mapping=f'{_base_.root}/takes/label_mapping.csv',
    data_prefix=dict(video=f'{_base_.root}/takes/clips'),
    pipeline=_base_.pair_train,
)
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[_base_.train_dataloader.dataset, takes],
        ignore_keys=['classes'],  # which the takes name and the list does not
    )
)

max_epochs = _base_.max_epochs * 7 // 8  # of 32 iterations
train_cfg = dict(max_epochs=max_epochs, val_begin=max_epochs, val_interval=max_epochs)
param_scheduler = [
    dict(_base_.param_scheduler[0], T_max=max_epochs, warmup=max_epochs / 10, end=max_epochs)
]
default_hooks = dict(checkpoint=dict(interval=max_epochs // 2))
