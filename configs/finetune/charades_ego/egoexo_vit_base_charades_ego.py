# Ego-Exo: VideoMAE's ViT-B on Charades-Ego from Ego-Exo weights.
_base_ = 'vit_base_charades_ego.py'

load_from = 'work_dirs/egoexo_vit_base_k400/epoch_75.pth'
