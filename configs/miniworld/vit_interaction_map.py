# The same with the map loss; targets are of the world's exact boxes, so that no detector is needed.
_base_ = ['vit_third.py', '_base_/aux_heads.py']
