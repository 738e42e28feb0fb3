# VideoMAE's fine-tuning of ViT-B on Kinetics-400, 75 epochs:
# https://github.com/MCG-NJU/VideoMAE/tree/main/scripts/kinetics
# (videomae_vit_base_patch16_224_tubemasking_ratio_0.9_epoch_1600/finetune.sh) for epochs, rate,
# decay and betas; run_class_finetuning.py for layer decay, warm-up and its first and last rates.
# There the rate is 5e-4 for 256 videos, on 64 GPUs x 6 videos. Here it is scaled to 8 GPUs x 8
# videos; other numbers of GPUs: --auto-scale-lr. Half precision is DeepSpeed's there and
# autocast's here.
max_epochs = 75
warmup = 5
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_begin=5, val_interval=5)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    type='AmpOptimWrapper',
    loss_scale='dynamic',
    optimizer=dict(type='AdamW', lr=5e-4 * 64 / 256, betas=(0.9, 0.999), weight_decay=0.05),
    constructor='EgoExoLayerDecay',
    paramwise_cfg=dict(decay_rate=0.75),
)
# from 1e-6 to 5e-4 and back to 1e-6, changed every iteration
param_scheduler = [
    dict(
        type='LinearLR',
        start_factor=1 / 500,
        begin=0,
        end=warmup,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
    dict(
        type='CosineAnnealingLR',
        T_max=max_epochs - warmup,
        eta_min_ratio=1 / 500,
        begin=warmup,
        end=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    ),
]
auto_scale_lr = dict(enable=False, base_batch_size=64)  # videos
