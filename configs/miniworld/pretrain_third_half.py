# Third-person only for half as many iterations, in case longer is not better for it.
_base_ = 'pretrain_third.py'

max_epochs = _base_.max_epochs // 2
train_cfg = dict(max_epochs=max_epochs, val_begin=max_epochs, val_interval=max_epochs)
param_scheduler = [
    dict(_base_.param_scheduler[0], T_max=max_epochs, warmup=max_epochs / 10, end=max_epochs)
]
default_hooks = dict(checkpoint=dict(interval=max_epochs // 2))
