"""RTMDet-nano for hands, for inference: the detector of MMAction2's gesture_recognition project.

The project's README gives a bbox mAP of 0.8100 on OneHand10K and the weights
https://download.openmmlab.com/mmaction/v1.0/projects/gesture_recognition/rtmdet-nano_8xb32-300e_multi-dataset-hand-320x320_20230524-f6ffed6a.pth
MMPose's earlier file of the same architecture fits as well:
https://download.openmmlab.com/mmpose/v1/projects/rtmposev1/rtmdet_nano_8xb32-300e_hand-267f9c8f.pth
"""  # noqa: E501

_base_ = './rtmdet_tiny_coco.py'

input_size = (320, 320)
channels = 64
model = dict(
    backbone=dict(deepen_factor=0.33, widen_factor=0.25, use_depthwise=True),
    neck=dict(
        in_channels=[channels, 2 * channels, 4 * channels],
        out_channels=channels,
        use_depthwise=True,
    ),
    bbox_head=dict(
        num_classes=1,
        in_channels=channels,
        feat_channels=channels,
        share_conv=False,
        use_depthwise=True,
    ),
    test_cfg=dict(nms=dict(iou_threshold=0.6)),
)
test_pipeline = [
    {**step, **({key: input_size for key in ('scale', 'size') if key in step})}
    for step in _base_.test_pipeline
]
