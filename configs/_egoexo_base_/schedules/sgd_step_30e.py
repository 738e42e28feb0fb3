# EPIC-Kitchens: 30 epochs of SGD on 8 GPUs x 8 clips, a tenth of the rate after 20 epochs and a
# hundredth after 25.
max_epochs = 30
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_begin=2, val_interval=2)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    optimizer=dict(type='FusedSGD', lr=0.01, momentum=0.9, nesterov=True, weight_decay=1e-4),
    paramwise_cfg=dict(norm_decay_mult=0.0),
)
param_scheduler = [
    dict(type='MultiStepLR', milestones=[20, 25], gamma=0.1, end=max_epochs, by_epoch=True)
]
auto_scale_lr = dict(enable=False, base_batch_size=64)
