# Fine-tuning of twice as many iterations.
_base_ = '../finetune.py'

max_epochs = 2 * _base_.max_epochs
train_cfg = dict(max_epochs=max_epochs, val_begin=max_epochs, val_interval=max_epochs)
param_scheduler = [dict(_base_.param_scheduler[0], T_max=max_epochs, end=max_epochs)]
default_hooks = dict(checkpoint=dict(interval=max_epochs // 2))
