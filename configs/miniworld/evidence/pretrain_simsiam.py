# What a user might do without third-person videos: SimSiam on the first-person training segments of
# the seed, without their labels. As many iterations of 16 clips as all pre-trainings, two views of
# each clip.
_base_ = '../finetune.py'

model = dict(
    type='SimSiamRecognizer', in_channels=_base_.feature_channels, embed_dims=128, cls_head=None
)
views = [
    _base_.sample,
    *_base_.decode,
    dict(type='RandomRescale', scale_range=(50, 80)),
    *_base_.augment[1:],
    dict(type='ColorJitter', brightness=0.4, contrast=0.4, saturation=0.2, hue=0.02),
    *_base_.pack,
]
pipeline = [*_base_.seed, *_base_.load, dict(type='TwoViews', transforms=views)]
train_dataloader = dict(dataset=dict(pipeline=pipeline))
val_dataloader = val_cfg = val_evaluator = None
test_dataloader = test_cfg = test_evaluator = None

max_epochs = int('{{$STUDY_EPOCHS:64}}') * 28 // 13  # of 13 iterations, for 28
train_cfg = dict(
    _delete_=True, type='EpochBasedTrainLoop', max_epochs=max_epochs, val_interval=max_epochs
)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
param_scheduler = [
    dict(_base_.param_scheduler[0], T_max=max_epochs, warmup=max_epochs / 10, end=max_epochs)
]
default_hooks = dict(checkpoint=dict(interval=max_epochs // 2))
