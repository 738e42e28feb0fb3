# The same for 30 epochs, as VideoMAE fine-tunes ViT-B on Something-Something V2 (scripts/ssv2,
# epoch_2400): nobody has published a recipe of VideoMAE for the egocentric data sets.
_base_ = 'adamw_vit_75e.py'

max_epochs = 30
train_cfg = dict(max_epochs=max_epochs, val_begin=2, val_interval=2)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], T_max=max_epochs - _base_.warmup, end=max_epochs),
]
