# The architecture of configs/teachers/rtmdet_nano_hand.py in a size that learns drawn hands.
_base_ = '../../configs/teachers/rtmdet_nano_hand.py'

channels = 32
model = dict(
    data_preprocessor=dict(mean=[200.0, 200.0, 200.0], std=[60.0, 60.0, 60.0]),
    backbone=dict(deepen_factor=0.167, widen_factor=0.125, use_depthwise=False),
    neck=dict(in_channels=[32, 64, 128], out_channels=channels, use_depthwise=False),
    bbox_head=dict(
        num_classes=2, in_channels=channels, feat_channels=channels, use_depthwise=False
    ),
    test_cfg=dict(score_thr=0.01),
)
size = (128, 128)
test_pipeline = [
    {**step, **({key: size for key in ('scale', 'size') if key in step})}
    for step in _base_.test_pipeline
]
