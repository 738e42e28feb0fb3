# The Object-Score teacher: a small 2D network (as clips of one frame) that names the 8 objects in
# pictures of them alone and in use.
_base_ = '_base_/runtime.py'

model = dict(
    type='EgoExoRecognizer',
    backbone=dict(
        type='ResNet3dSlowOnly',
        depth=18,
        pretrained=None,
        lateral=False,
        base_channels=16,
        num_stages=4,
        conv1_kernel=(1, 5, 5),
        conv1_stride_t=1,
        pool1_stride_t=1,
        spatial_strides=(1, 2, 2, 1),
        inflate=(0, 0, 0, 0),
        norm_eval=False,
    ),
    cls_head=dict(
        type='ViewEnsembleHead',
        num_classes=8,
        in_channels=128,
        dropout_ratio=0.2,
        pool_size=None,
        topk=(1,),
    ),
    data_preprocessor=dict(
        type='ActionDataPreprocessor', mean=[114.75] * 3, std=[57.375] * 3, format_shape='NCTHW'
    ),
)

clip = dict(type='SampleClampedFrames', clip_len=1, frame_interval=1)
pack = [dict(type='FormatShape', input_format='NCTHW'), dict(type='PackActionInputs')]
train_pipeline = [
    dict(type='SeedAugmentations'),
    clip,
    dict(type='RawFrameDecode'),
    dict(type='Resize', scale=(88, 88), keep_ratio=False),
    dict(type='RandomResizedCrop', area_range=(0.5, 1.0)),
    dict(type='Resize', scale=(72, 72), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='ColorJitter', brightness=0.2, contrast=0.2, saturation=0.2, hue=0.02),
    *pack,
]
test_pipeline = [
    dict(clip, test_mode=True),
    dict(type='RawFrameDecode'),
    dict(type='Resize', scale=(72, 72), keep_ratio=False),
    *pack,
]
images = dict(type='ImageFolderDataset')
train_dataloader = dict(
    dataset=dict(**images, ann_file=f'{_base_.world}/objects/train', pipeline=train_pipeline)
)
val_dataloader = dict(
    dataset=dict(
        **images, ann_file=f'{_base_.world}/objects/val', pipeline=test_pipeline, test_mode=True
    )
)
test_dataloader = val_dataloader
val_evaluator = test_evaluator = dict(
    type='AccMetric', metric_options=dict(top_k_accuracy=dict(topk=(1,)))
)

max_epochs = 16
train_cfg = dict(
    type='EpochBasedTrainLoop', max_epochs=max_epochs, val_begin=max_epochs, val_interval=max_epochs
)
optim_wrapper = dict(optimizer=dict(lr=4e-3))
param_scheduler = [dict(_base_.param_scheduler[0], T_max=max_epochs, end=max_epochs)]
default_hooks = dict(checkpoint=dict(interval=8))
