# First-person training alone, with the iterations of a pre-training and a fine-tuning together.
_base_ = '../finetune.py'

max_epochs = 170  # of 13 iterations: 2,210 for 1,792 + 416
train_cfg = dict(max_epochs=max_epochs, val_begin=max_epochs, val_interval=max_epochs)
param_scheduler = [
    dict(_base_.param_scheduler[0], T_max=max_epochs, warmup=max_epochs / 10, end=max_epochs)
]
default_hooks = dict(checkpoint=dict(interval=max_epochs // 2))
