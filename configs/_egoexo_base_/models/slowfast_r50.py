# SlowFast 8x8 R50 as in the reference: 32 frames, lateral convolutions with normalisation.
model = dict(
    type='Recognizer3D',
    backbone=dict(
        type='EgoExoSlowFast',
        slow_sampling='linspace',  # 'stride' for weights trained with MMAction2's own SlowFast
        resample_rate=4,  # alpha: fast frames per slow frame
        speed_ratio=4,
        channel_ratio=8,  # 1 / beta
        slow_pathway=dict(
            type='resnet3d',
            depth=50,
            pretrained=None,
            lateral=True,
            lateral_norm=True,
            fusion_kernel=7,
            conv1_kernel=(1, 7, 7),
            conv1_stride_t=1,
            pool1_stride_t=1,
            inflate=(0, 0, 1, 1),
            norm_eval=False,
        ),
        fast_pathway=dict(
            type='resnet3d',
            depth=50,
            pretrained=None,
            lateral=False,
            base_channels=8,
            conv1_kernel=(5, 7, 7),
            conv1_stride_t=1,
            pool1_stride_t=1,
            norm_eval=False,
        ),
    ),
    cls_head=dict(
        type='SlowFastHead',
        in_channels=2304,  # 256 fast + 2048 slow
        num_classes=400,
        spatial_type='avg',
        dropout_ratio=0.5,
        average_clips='prob',
    ),
    data_preprocessor=dict(
        type='EgoExoDataPreprocessor', mean=[114.75] * 3, std=[57.375] * 3, format_shape='NCTHW'
    ),
    # views in the backbone at a time
    test_cfg=dict(max_testing_views=10),
)
