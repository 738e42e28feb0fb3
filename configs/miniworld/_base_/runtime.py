# MINIWORLD_STUDY is the folder of the study: it has the world, teachers and stores. One process,
# no workers: two cells run at a time, each on one core.
_base_ = '../../_egoexo_base_/default_runtime.py'
custom_imports = dict(imports=['egoexo_mm', 'study.modules'])  # in tools/

root = '{{$MINIWORLD_STUDY:work_dirs/study/miniworld}}'
world = f'{root}/world/data'

batch_size = 16
loader = dict(num_workers=0, persistent_workers=False)
train_dataloader = dict(
    **loader,
    batch_size=batch_size,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(
    **loader, batch_size=batch_size, sampler=dict(type='DefaultSampler', shuffle=False)
)
test_dataloader = dict(**loader, batch_size=8, sampler=dict(type='DefaultSampler', shuffle=False))
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')

optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=4e-3, weight_decay=0.05),
    paramwise_cfg=dict(norm_decay_mult=0.0),
    clip_grad=dict(max_norm=5.0),
)
# a leaf adds T_max and end, and may change the epochs of warm-up
param_scheduler = [
    dict(
        type='WarmupCosineLR',
        warmup=1,
        start_factor=0.1,
        by_epoch=True,
        convert_to_iter_based=True,
    )
]
default_hooks = dict(logger=dict(interval=6), checkpoint=dict(save_best=None, max_keep_ckpts=1))
log_processor = dict(window_size=6)
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='BackboneSpeedHook', channels_last=True),
]  # a tenth faster on a CPU
env_cfg = dict(cudnn_benchmark=False)
