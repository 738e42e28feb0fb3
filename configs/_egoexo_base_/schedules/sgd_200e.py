# 200 epochs of SGD on 8 GPUs x 8 clips. On 8 such nodes (global batch 512, rate 0.8), on each node:
#   NNODES=8 NODE_RANK=<0..7> MASTER_ADDR=<node 0> bash tools/dist_train.sh CONFIG 8 --auto-scale-lr
# Normalisation is per GPU, as in the reference; for SyncBN add --cfg-options sync_bn=torch
max_epochs = 200
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_begin=10, val_interval=10)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    optimizer=dict(type='FusedSGD', lr=0.1, momentum=0.9, nesterov=True, weight_decay=1e-4),
    paramwise_cfg=dict(norm_decay_mult=0.0),
)
param_scheduler = [
    dict(
        type='WarmupCosineLR',
        T_max=max_epochs,
        warmup=34,
        start_factor=0.1,
        end=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    )
]
auto_scale_lr = dict(enable=False, base_batch_size=64)
