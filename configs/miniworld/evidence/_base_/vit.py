# The small ViT of third_vit.py as a student: rates and warm-up that train it (docs/study_diary.md).
vit = dict(
    _delete_=True,
    type='VisionTransformer',
    img_size=48,
    patch_size=8,
    num_frames=8,
    embed_dims=96,
    depth=4,
    num_heads=3,
)
vit_channels = 96
vit_rate = 1e-3
