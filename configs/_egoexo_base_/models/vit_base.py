# ViT-B of VideoMAE as in MMAction2, for training: 16 frames in tokens of 2 x 16 x 16. Stochastic
# depth of 0.1 and the small first weights of the class head (0.02 x 0.001) are defaults of
# VideoMAE's fine-tuning, https://github.com/MCG-NJU/VideoMAE/blob/main/run_class_finetuning.py
model = dict(
    type='Recognizer3D',
    backbone=dict(
        type='VisionTransformer',
        img_size=224,
        patch_size=16,
        embed_dims=768,
        depth=12,
        num_heads=12,
        mlp_ratio=4,
        qkv_bias=True,
        num_frames=16,
        norm_cfg=dict(type='LN', eps=1e-6),
        drop_path_rate=0.1,
    ),
    cls_head=dict(
        type='TimeSformerHead',
        num_classes=400,
        in_channels=768,
        init_std=2e-5,
        average_clips='prob',
    ),
    data_preprocessor=dict(
        type='EgoExoDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        format_shape='NCTHW',
    ),
    # views in the backbone at a time
    test_cfg=dict(max_testing_views=10),
)
