"""RTMDet-tiny on COCO's 80 classes (https://arxiv.org/abs/2212.07784), for inference.

The architecture and names of mmdet 3.3's rtmdet_tiny_8xb32-300e_coco.py, so that its weights fit:
https://download.openmmlab.com/mmdetection/v3.0/rtmdet/rtmdet_tiny_8xb32-300e_coco/rtmdet_tiny_8xb32-300e_coco_20220902_112414-78e30dcc.pth
"""  # noqa: E501

default_scope = 'mmdet'
custom_imports = dict(imports=['egoexo_mm'], allow_failed_imports=False)

input_size = (640, 640)
channels = 96
norms = dict(norm_cfg=dict(type='BN'), act_cfg=dict(type='SiLU', inplace=True))
model = dict(
    type='RTMDet',
    _scope_='mmdet',  # also where it is built from another scope, such as MMAction2's
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[103.53, 116.28, 123.675],
        std=[57.375, 57.12, 58.395],
        bgr_to_rgb=False,
    ),
    backbone=dict(
        type='CSPNeXt',
        arch='P5',
        expand_ratio=0.5,
        deepen_factor=0.167,
        widen_factor=0.375,
        channel_attention=True,
        **norms,
    ),
    neck=dict(
        type='CSPNeXtPAFPN',
        in_channels=[channels, 2 * channels, 4 * channels],
        out_channels=channels,
        num_csp_blocks=1,
        expand_ratio=0.5,
        **norms,
    ),
    bbox_head=dict(
        type='RTMDetSepBNHead',
        num_classes=80,
        in_channels=channels,
        feat_channels=channels,
        stacked_convs=2,
        anchor_generator=dict(type='MlvlPointGenerator', offset=0, strides=[8, 16, 32]),
        bbox_coder=dict(type='DistancePointBBoxCoder'),
        loss_cls=dict(type='QualityFocalLoss', use_sigmoid=True, beta=2.0, loss_weight=1.0),
        loss_bbox=dict(type='GIoULoss', loss_weight=2.0),
        with_objectness=False,
        exp_on_reg=False,
        share_conv=True,
        pred_kernel_size=1,
        **norms,
    ),
    train_cfg=dict(
        assigner=dict(type='DynamicSoftLabelAssigner', topk=13),
        allowed_border=-1,
        pos_weight=-1,
        debug=False,
    ),
    test_cfg=dict(
        nms_pre=1000,
        min_bbox_size=0,
        score_thr=0.05,
        nms=dict(type='nms', iou_threshold=0.65),
        max_per_img=100,
    ),
)

test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=input_size, keep_ratio=True),
    dict(type='Pad', size=input_size, pad_val=dict(img=(114, 114, 114))),
    dict(
        type='PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
    ),
]
