# A hand-object detector of a few thousand parameters: C4, as the shipped one, or with a pyramid.
default_scope = 'mmdet'
custom_imports = dict(
    imports=['egoexo_mm', 'egoexo_mm.models.detectors'], allow_failed_imports=False
)

backbone = dict(type='CeilPoolResNet', depth=18, base_channels=8, stem_channels=8, norm_eval=True)
extractor = dict(
    type='SingleRoIExtractor',
    roi_layer=dict(type='RoIAlign', output_size=4, sampling_ratio=0, aligned=False),
)
head = dict(
    type='Shared2FCBBoxHead',
    fc_out_channels=16,
    roi_feat_size=4,
    num_classes=2,
    bbox_coder=dict(type='InclusiveDeltaBoxCoder', target_stds=[0.1, 0.1, 0.2, 0.2]),
)
anchors = dict(type='RoundedAnchorGenerator', scales=[1, 2], ratios=[0.5, 1, 2])
rpn = dict(type='RPNHead', feat_channels=16, bbox_coder=dict(type='InclusiveDeltaBoxCoder'))
roi = dict(type='HandObjectRoIHead', swap_clip=False)

model = dict(
    type='FasterRCNN',
    _scope_='mmdet',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[102.9801, 115.9465, 122.7717],
        std=[1, 1, 1],
        bgr_to_rgb=False,
        pad_size_divisor=1,
    ),
    backbone=dict(backbone, num_stages=3, strides=(1, 2, 2), dilations=(1, 1, 1), out_indices=(2,)),
    rpn_head=dict(rpn, in_channels=32, anchor_generator=dict(anchors, strides=[16])),
    roi_head=dict(
        roi,
        bbox_roi_extractor=dict(extractor, out_channels=32, featmap_strides=[16]),
        bbox_head=dict(head, in_channels=32),
        hand_head=dict(type='HandObjectHead', in_channels=32),
    ),
    train_cfg=None,
    test_cfg=dict(
        rpn=dict(nms_pre=100, nms=dict(type='nms', iou_threshold=0.7, offset=1), max_per_img=20),
        rcnn=dict(score_thr=0.3, nms=dict(type='nms', iou_threshold=0.3, offset=1), max_per_img=10),
    ),
)

pyramid = dict(
    model,
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_size_divisor=32,
        pad_value=3,
    ),
    backbone=dict(backbone, num_stages=4, out_indices=(0, 1, 2, 3)),
    neck=dict(type='FPN', in_channels=[8, 16, 32, 64], out_channels=16, num_outs=5),
    rpn_head=dict(rpn, in_channels=16, anchor_generator=dict(anchors, strides=[4, 8, 16, 32, 64])),
    roi_head=dict(
        roi,
        bbox_roi_extractor=dict(extractor, out_channels=16, featmap_strides=[4, 8, 16, 32]),
        bbox_head=dict(head, in_channels=16),
        hand_head=dict(type='HandObjectHead', in_channels=16),
    ),
)

test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ScaleImage', short_side=96, max_long_side=160),
    dict(
        type='PackDetInputs',
        meta_keys=('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor'),
    ),
]
