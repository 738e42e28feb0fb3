# Ego-Exo: VideoMAE's ViT-B on the keysteps of Ego-Exo4D from Ego-Exo weights.
_base_ = 'vit_base_keystep.py'

load_from = 'work_dirs/egoexo_vit_base_k400/epoch_75.pth'
