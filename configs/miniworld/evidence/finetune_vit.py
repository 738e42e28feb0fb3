# Fine-tuning of the small ViT.
_base_ = ['../finetune.py', '_base_/vit.py']

model = dict(backbone=_base_.vit, cls_head=dict(in_channels=_base_.vit_channels))
optim_wrapper = dict(optimizer=dict(lr=_base_.vit_rate))
