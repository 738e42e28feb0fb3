# MMAction2's recipe of TSM R50, 50 epochs:
# configs/recognition/tsm/tsm_imagenet-pretrained-r50_8xb16-1x1x8-50e_kinetics400-rgb.py. There the
# rate is 0.02 for 128 videos; here it is scaled to 8 GPUs x 8 videos. Its
# TSMOptimWrapperConstructor gives five times the rate to the last layer of the model, which with
# auxiliary heads is one of them; the same is written out here for the class head: biases twice the
# rate and no decay, no decay of norms.
max_epochs = 50
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_begin=5, val_interval=5)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    optimizer=dict(type='FusedSGD', lr=0.02 * 64 / 128, momentum=0.9, weight_decay=1e-4),
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        bias_lr_mult=2.0,
        bias_decay_mult=0.0,
        custom_keys={
            'cls_head.fc_cls.weight': dict(lr_mult=5.0),
            'cls_head.fc_cls.bias': dict(lr_mult=10.0, decay_mult=0.0),
        },
    ),
    clip_grad=dict(max_norm=20, norm_type=2),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.1, by_epoch=True, begin=0, end=5),
    dict(
        type='MultiStepLR',
        begin=0,
        end=max_epochs,
        by_epoch=True,
        milestones=[25, 45],
        gamma=0.1,
    ),
]
auto_scale_lr = dict(enable=False, base_batch_size=64)
