# Third-person only with a ViT: the verbs of the Kinetics-like list, no teacher.
_base_ = ['pretrain_third.py', '_base_/vit.py']
