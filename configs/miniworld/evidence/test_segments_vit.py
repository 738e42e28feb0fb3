# The test of every fine-tuning of the small ViT.
_base_ = ['test_segments.py', '_base_/vit.py']

model = dict(backbone=_base_.vit, cls_head=dict(in_channels=_base_.vit_channels))
