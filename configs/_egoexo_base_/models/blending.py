# Mixup (0.8) or cutmix (1.0) of every batch, each in half of them, as VideoMAE, MViT and AVION
# train. Targets of teachers are blended with the clips.
blending = dict(
    type='RandomBatchAugment',
    augments=[
        dict(type='MixupBlending', alpha=0.8, num_classes=400),
        dict(type='CutmixBlending', alpha=1.0, num_classes=400),
    ],
)
