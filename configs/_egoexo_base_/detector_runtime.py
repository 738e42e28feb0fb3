# Runtime of detectors, in mmdet's scope. A leaf names default_scope and custom_imports.
default_hooks = dict(
    runtime_info=dict(type='RuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='CheckpointHook',
        interval=1,
        max_keep_ckpts=3,
        save_best='hand_object/All',
        rule='greater',
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    visualization=dict(type='DetVisualizationHook'),
    finite_loss=dict(
        type='mmaction.FiniteLossHook',
        action='stop',  # off: 'off'
        interval=20,
    ),
    check_gradients=dict(type='mmaction.CheckGradientsHook'),
)

env_cfg = dict(
    cudnn_benchmark=False,  # images differ in size
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # gloo where there is no GPU
    dist_cfg=dict(backend='nccl'),
)
randomness = dict(seed=0)

log_processor = dict(type='LogProcessor', window_size=50, by_epoch=True)
log_level = 'INFO'
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='DetLocalVisualizer', vis_backends=vis_backends, name='visualizer')

load_from = None
resume = False
