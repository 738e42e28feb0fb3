# A SlowFast of 0.7 million parameters: three stages of basic blocks, 8 frames of 56 pixels, maps of 4 x 7 x 7. Both pathways
# see every other of the other's frames, and a cell has 8 pixels.
stages = dict(
    type='resnet3d', depth=18, pretrained=None, num_stages=3, out_indices=(2, ), spatial_strides=(1, 2, 1),
    temporal_strides=(1, 1, 1), dilations=(1, 1, 1), conv1_stride_t=1, pool1_stride_t=1, norm_eval=False)
model = dict(
    type='EgoExoRecognizer',
    backbone=dict(
        type='EgoExoSlowFast',
        slow_sampling='linspace',
        resample_rate=2,  # fast frames per slow frame
        speed_ratio=2,
        channel_ratio=2,
        slow_pathway=dict(**stages, base_channels=16, lateral=True, lateral_norm=True, fusion_kernel=3,
                          conv1_kernel=(1, 5, 5), inflate=(0, 1, 1)),
        fast_pathway=dict(**stages, base_channels=8, lateral=False, conv1_kernel=(3, 5, 5), inflate=(1, 1, 1))),
    data_preprocessor=dict(
        type='ActionDataPreprocessor', mean=[114.75] * 3, std=[57.375] * 3, format_shape='NCTHW'))
feature_channels, slow_channels = 96, 64  # [fast 32 | slow 64]
