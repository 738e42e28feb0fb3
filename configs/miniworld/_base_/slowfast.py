# A SlowFast of 0.27 million parameters: three stages of one basic block, 8 frames of 48 pixels,
# maps of 4 x 6 x 6. Both pathways see every other of the other's frames, and a cell has 8 pixels.
stages = dict(
    type='resnet3d',
    depth=18,
    pretrained=None,
    num_stages=3,
    stage_blocks=(1, 1, 1),
    out_indices=(2,),
    spatial_strides=(1, 2, 1),
    temporal_strides=(1, 1, 1),
    dilations=(1, 1, 1),
    conv1_stride_t=1,
    pool1_stride_t=1,
    norm_eval=False,
)
model = dict(
    type='EgoExoRecognizer',
    backbone=dict(
        type='EgoExoSlowFast',
        slow_sampling='linspace',
        resample_rate=2,  # fast frames per slow frame
        speed_ratio=2,
        channel_ratio=4,
        slow_pathway=dict(
            **stages,
            base_channels=16,
            lateral=True,
            lateral_norm=True,
            fusion_kernel=3,
            conv1_kernel=(1, 5, 5),
            inflate=(0, 1, 1),
        ),
        fast_pathway=dict(
            **stages, base_channels=4, lateral=False, conv1_kernel=(3, 5, 5), inflate=(1, 1, 1)
        ),
    ),
    data_preprocessor=dict(
        type='ActionDataPreprocessor', mean=[114.75] * 3, std=[57.375] * 3, format_shape='NCTHW'
    ),
)
feature_channels, slow_channels = 80, 64  # [fast 16 | slow 64]
