# Ego-Exo: VideoMAE's ViT-B on EPIC-KITCHENS-100 from Ego-Exo weights.
_base_ = 'vit_base_epic100.py'

load_from = 'work_dirs/egoexo_vit_base_k400/epoch_75.pth'
