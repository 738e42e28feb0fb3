# Ego-Exo: VideoMAE's ViT-B on Ego4D v2 from Ego-Exo weights.
_base_ = 'vit_base_ego4d.py'

load_from = 'work_dirs/egoexo_vit_base_k400/epoch_75.pth'
