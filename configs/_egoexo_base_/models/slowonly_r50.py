# Slow 8x8 R50 as in the reference: 8 frames.
model = dict(
    type='Recognizer3D',
    backbone=dict(
        type='ResNet3dSlowOnly',
        depth=50,
        pretrained=None,
        lateral=False,
        conv1_kernel=(1, 7, 7),
        conv1_stride_t=1,
        pool1_stride_t=1,
        inflate=(0, 0, 1, 1),
        norm_eval=False,
    ),
    cls_head=dict(
        type='I3DHead',
        in_channels=2048,
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
