# Linear probes of the small ViT's frozen features.
_base_ = ['probes.py', '_base_/vit.py']

model = dict(backbone=_base_.vit)
