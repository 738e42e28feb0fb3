# A ViT of two blocks on 32-pixel clips, trained with every option of docs/transformers.md.
_base_ = '../../configs/_egoexo_base_/default_runtime.py'

root = '{{$TINY_DATA:data/tiny}}'
classes = 2

blending = dict(
    type='RandomBatchAugment',
    augments=[
        dict(type='MixupBlending', alpha=0.8, num_classes=classes),
        dict(type='CutmixBlending', alpha=1.0, num_classes=classes),
    ],
)
scores = dict(type='ScoreDistillHead')
model = dict(
    type='EgoExoRecognizer',
    backbone=dict(
        type='VisionTransformer',
        img_size=32,
        patch_size=16,
        embed_dims=16,
        depth=2,
        num_heads=2,
        num_frames=8,
        drop_path_rate=0.1,
    ),
    cls_head=dict(
        type='TimeSformerHead', in_channels=16, num_classes=classes, topk=(1,), average_clips='prob'
    ),
    aux_heads=dict(
        ego_score=dict(scores, target='ego_score', num_classes=2),
        object_score=dict(
            scores,
            target='object_score',
            num_classes=10,
            loss=dict(type='SoftTargetLoss', temperature=2.0),
        ),
        interaction_map=dict(type='InteractionMapHead', mid_channels=8),
    ),
    data_preprocessor=dict(
        type='EgoExoDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        format_shape='NCTHW',
        blending=blending,
    ),
)

train_pipeline = [
    dict(type='SeedAugmentations'),
    dict(type='ClipReaderInit'),
    dict(type='SampleTimeWindow', clip_len=8, frame_interval=2),
    dict(type='DecordDecode'),
    dict(type='TrackGeometry'),
    dict(type='RandomResizedCrop'),
    dict(type='Resize', scale=(32, 32), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='ClipRandAugment', magnitude=7, num_layers=4, prob=0.5),
    dict(type='RandomErasing', erase_prob=0.25, mode='rand'),
    dict(type='LoadTargets'),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', algorithm_keys=('ego_score', 'object_score', 'interaction_map')),
]
train_dataloader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=True),
    collate_fn=dict(type='repeat_pseudo_collate'),
    dataset=dict(
        type='VideoTargetDataset',
        num_repeats=2,
        ann_file=f'{root}/list.txt',
        data_prefix=dict(video=f'{root}/videos'),
        pipeline=train_pipeline,
        targets=dict(
            ego_score=f'{root}/targets/ego_score',
            object_score=f'{root}/targets/object_score',
            interaction_map=f'{root}/targets/interaction_map',
        ),
    ),
)
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=2)
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-2, betas=(0.9, 0.999), weight_decay=0.05),
    constructor='EgoExoLayerDecay',
    paramwise_cfg=dict(decay_rate=0.75),
    accumulative_counts=2,
    clip_grad=dict(max_norm=5.0),
)
param_scheduler = [
    dict(type='WarmupCosineLR', T_max=2, warmup=0, by_epoch=True, convert_to_iter_based=True)
]
default_hooks = dict(
    logger=dict(interval=1), checkpoint=dict(interval=1, save_best=None, max_keep_ckpts=-1)
)
custom_hooks = [
    dict(type='SampleSeedHook'),
    dict(type='CheckpointBlocksHook'),
    dict(type='EMAHook', momentum=0.2),
]
env_cfg = dict(cudnn_benchmark=False)
