# Third + ego: both together under the verbs that they share, as many iterations.
_base_ = 'pretrain_third.py'

charades = dict(
    type='CharadesEgoDataset',
    view='first',
    data_prefix=dict(img=f'{_base_.world}/charades_ego/frames'),
    ann_file=f'{_base_.world}/charades_ego/CharadesEgo_v1_train.csv',
    pipeline=_base_.labelled_frames_train,
)
train_dataloader = dict(
    dataset=dict(
        _delete_=True, type='ConcatDataset', datasets=[_base_.train_dataloader.dataset, charades]
    )
)

max_epochs = _base_.max_epochs * 7 // 8  # of 32 iterations
train_cfg = dict(max_epochs=max_epochs, val_begin=max_epochs, val_interval=max_epochs)
param_scheduler = [
    dict(_base_.param_scheduler[0], T_max=max_epochs, warmup=max_epochs / 10, end=max_epochs)
]
default_hooks = dict(checkpoint=dict(interval=max_epochs // 2))
