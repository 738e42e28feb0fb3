# Third-person only with a ViT as VideoMAE's, of 0.48 million parameters and from random weights:
# the verbs of the Kinetics-like list, no teacher. 8 frames of 48 pixels in tokens of 2 x 8 x 8, so
# that maps have the 4 x 6 x 6 cells of the small SlowFast.
_base_ = 'pretrain_third.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='VisionTransformer',
        img_size=48,
        patch_size=8,
        num_frames=8,
        embed_dims=96,
        depth=4,
        num_heads=3,
    ),
    cls_head=dict(in_channels=96),
)
optim_wrapper = dict(optimizer=dict(lr=1e-3))  # a quarter of the SlowFast's; not tuned
