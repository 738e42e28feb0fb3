"""Hand-object detector of Shan et al. (CVPR 2020), for weights of the authors' code.

The paper is https://arxiv.org/abs/2006.06669. Convert the weights with
tools/convert_weights.py. Thresholds are those of the authors' evaluation; the long side
is capped as in their demo.
"""

default_scope = 'mmdet'
custom_imports = dict(
    imports=['egoexo_mm', 'egoexo_mm.models.detectors'], allow_failed_imports=False
)

norm = dict(type='BN', requires_grad=False)
proposals = 300
model = dict(
    type='FasterRCNN',
    _scope_='mmdet',  # also where it is built from another scope, such as MMAction2's
    # BGR, no division. The reference never pads: the images of a batch have one size.
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[102.9801, 115.9465, 122.7717],
        std=[1, 1, 1],
        bgr_to_rgb=False,
        pad_size_divisor=1,
    ),
    backbone=dict(
        type='CeilPoolResNet',
        depth=101,
        num_stages=3,
        strides=(1, 2, 2),
        dilations=(1, 1, 1),
        out_indices=(2,),
        frozen_stages=1,
        norm_cfg=norm,
        norm_eval=True,
        style='caffe',
    ),
    rpn_head=dict(
        type='RPNHead',
        in_channels=1024,
        feat_channels=512,
        anchor_generator=dict(
            type='RoundedAnchorGenerator', scales=[8, 16, 32, 64], ratios=[0.5, 1, 2], strides=[16]
        ),
        bbox_coder=dict(type='InclusiveDeltaBoxCoder'),
        loss_cls=dict(
            # two channels per anchor: foreground, background
            type='CrossEntropyLoss',
            use_sigmoid=False,
        ),
        loss_bbox=dict(type='SmoothL1Loss', beta=1 / 9),
    ),
    roi_head=dict(
        type='HandObjectRoIHead',
        swap_clip=True,  # False for weights trained here
        shared_head=dict(
            type='ResLayer',
            depth=101,
            stage=3,
            stride=2,
            style='caffe',
            norm_cfg=norm,
            norm_eval=True,
        ),
        bbox_roi_extractor=dict(
            type='SingleRoIExtractor',
            out_channels=1024,
            featmap_strides=[16],
            roi_layer=dict(type='RoIAlign', output_size=7, sampling_ratio=0, aligned=False),
        ),
        bbox_head=dict(
            type='BBoxHead',
            in_channels=2048,
            num_classes=2,
            with_avg_pool=True,
            roi_feat_size=4,
            bbox_coder=dict(type='InclusiveDeltaBoxCoder', target_stds=[0.1, 0.1, 0.2, 0.2]),
            loss_cls=dict(type='CrossEntropyLoss'),
            loss_bbox=dict(type='SmoothL1Loss', beta=1.0),
        ),
        hand_head=dict(type='HandObjectHead', in_channels=2048),
    ),
    train_cfg=None,
    test_cfg=dict(
        # Boxes count their last pixel (offset=1). No min_bbox_size: boxes of no width stay.
        rpn=dict(
            nms_pre=6000, nms=dict(type='nms', iou_threshold=0.7, offset=1), max_per_img=proposals
        ),
        rcnn=dict(
            pad_proposals_to=proposals,
            score_thr=0.1,
            nms=dict(type='nms', iou_threshold=0.3, offset=1),
            max_per_img=100,
        ),
    ),
)

test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ScaleImage', short_side=600, max_long_side=1000),
    dict(
        type='PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
    ),
]
