# Ego-Exo pre-training of VideoMAE's ViT-S on Kinetics-400: 150 epochs, the rest as for ViT-B
# (scripts/kinetics/videomae_vit_small_patch16_224_tubemasking_ratio_0.9_epoch_1600/finetune.sh).
_base_ = 'egoexo_vit_base_k400.py'

model = dict(backbone=dict(embed_dims=384, num_heads=6), cls_head=dict(in_channels=384))
max_epochs = 150
train_cfg = dict(max_epochs=max_epochs)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], T_max=max_epochs - _base_.warmup, end=max_epochs),
]
load_from = 'checkpoints/videomae_vit_small_k400_pretrain.pth'
