# Ego only: the first-person videos of the Charades-Ego-like set, as many iterations.
_base_ = 'pretrain_third.py'

charades = dict(
    _delete_=True,
    type='CharadesEgoDataset',
    view='first',
    data_prefix=dict(img=f'{_base_.world}/charades_ego/frames'),
)
train_dataloader = dict(
    dataset=dict(
        **charades,
        ann_file=f'{_base_.world}/charades_ego/CharadesEgo_v1_train.csv',
        pipeline=_base_.labelled_frames_train,
    )
)

max_epochs = 7 * _base_.max_epochs  # of 4 iterations
train_cfg = dict(max_epochs=max_epochs, val_begin=max_epochs, val_interval=max_epochs)
param_scheduler = [
    dict(_base_.param_scheduler[0], T_max=max_epochs, warmup=max_epochs / 10, end=max_epochs)
]
default_hooks = dict(checkpoint=dict(interval=max_epochs // 2))
