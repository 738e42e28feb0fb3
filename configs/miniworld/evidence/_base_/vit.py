# The small ViT as a student: that of third_vit.py with a stem of convolutions. docs/study_diary.md
# has which ViTs did not learn the verbs.
vit = dict(
    _delete_=True,
    type='ConvStemTransformer',
    img_size=48,
    num_frames=8,
    embed_dims=96,
    depth=4,
    num_heads=3,
    init_cfg=[
        dict(type='TruncNormal', layer='Linear', std=0.1, bias=0.0),
        dict(type='Constant', layer='LayerNorm', val=1.0, bias=0.0),
    ],
)
vit_channels = 96
vit_rate = 2e-3
