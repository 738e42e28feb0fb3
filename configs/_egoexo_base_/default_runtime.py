default_scope = 'mmaction'
custom_imports = dict(imports=['egoexo_mm'])

default_hooks = dict(
    runtime_info=dict(type='DeferredRuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20, ignore_last=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='CheckpointHook', interval=10, max_keep_ckpts=3, save_best='auto'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    sync_buffers=dict(type='SyncBuffersHook'),
    # broken_videos='skip' lists what it skips in the work dir
    broken_media=dict(type='BrokenMediaHook'),
    check_data=dict(type='CheckDataHook'),
    # load_from, or the file to test, must fill the backbone
    check_weights=dict(type='CheckWeightsHook'),
    # a loss that is NaN or infinite ends training; action='off' turns the check off
    finite_loss=dict(type='FiniteLossHook', action='stop', interval=20),
    check_targets=dict(type='CheckTargetsHook'),
    check_gradients=dict(type='CheckGradientsHook'),
)
custom_hooks = [dict(type='SampleSeedHook')]

env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    # gloo where there is no GPU
    dist_cfg=dict(backend='nccl'),
)
randomness = dict(seed=0)

log_processor = dict(type='LogProcessor', window_size=20, by_epoch=True)
log_level = 'INFO'
vis_backends = [dict(type='LocalVisBackend')]
visualizer = dict(type='ActionVisualizer', vis_backends=vis_backends)

load_from = None
resume = False
