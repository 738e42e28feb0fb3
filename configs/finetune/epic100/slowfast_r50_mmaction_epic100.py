# EPIC-KITCHENS-100 from MMAction2's own Kinetics-400 weights. Its SlowFast takes other slow frames,
# has no normalisation in its lateral convolutions (of kernel 7, in R101 too) and was trained with
# ImageNet's mean and std. The same lines serve the other tasks; Slow needs the last two only.
_base_ = 'slowfast_r50_epic100.py'

model = dict(
    backbone=dict(slow_sampling='stride', slow_pathway=dict(lateral_norm=False, fusion_kernel=7)),
    data_preprocessor=dict(mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375]),
)
load_from = (
    'https://download.openmmlab.com/mmaction/v1.0/recognition/slowfast/'
    'slowfast_r50_8xb8-8x8x1-256e_kinetics400-rgb/'
    'slowfast_r50_8xb8-8x8x1-256e_kinetics400-rgb_20220818-1cb6dfc8.pth'
)
