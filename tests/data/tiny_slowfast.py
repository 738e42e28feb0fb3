# A SlowFast of a few thousand parameters on 64-pixel clips: the shipped recipe in small.
_base_ = '../../configs/egoexo_slowfast_k400.py'

root = '{{$TINY_DATA:data/tiny}}'
clip = dict(clip_len=16, frame_interval=1)

small = dict(depth=18, norm_eval=True)  # fixed statistics, so that a batch may be split over ranks
model = dict(
    backbone=dict(
        slow_pathway=dict(base_channels=16, **small), fast_pathway=dict(base_channels=2, **small)
    ),
    cls_head=dict(in_channels=144, num_classes=2, topk=(1,)),
    aux_heads=dict(
        ego_score=dict(in_channels=144),
        object_score=dict(in_channels=144, num_classes=10),
        interaction_map=dict(in_channels=128, mid_channels=8),
    ),
)

changes = dict(
    SampleTimeWindow=clip,
    SampleFrames=clip,
    RandomRescaleCrop=dict(scale_range=(64, 80), size=64),
    Resize=dict(scale=(-1, 64)),
    CenterCrop=dict(crop_size=64),
    ThreeCrop=dict(crop_size=64),
)
train_pipeline = [dict(step, **changes.get(step['type'], {})) for step in _base_.train_pipeline]
val_pipeline = [dict(step, **changes.get(step['type'], {})) for step in _base_.val_pipeline]
test_pipeline = [dict(step, **changes.get(step['type'], {})) for step in _base_.test_pipeline]
for step in test_pipeline:
    if step['type'] == 'SampleTimeWindow':
        step['num_clips'] = 2
del step

files = dict(ann_file=f'{root}/list.txt', data_prefix=dict(video=f'{root}/videos'))
workers = dict(num_workers=1, persistent_workers=True)
train_dataloader = dict(
    batch_size=4,
    **workers,
    dataset=dict(
        pipeline=train_pipeline,
        **files,
        targets=dict(
            ego_score=f'{root}/targets/ego_score',
            object_score=f'{root}/targets/object_score',
            interaction_map=f'{root}/targets/interaction_map',
        ),
    ),
)
val_dataloader = dict(batch_size=2, **workers, dataset=dict(pipeline=val_pipeline, **files))
test_dataloader = dict(batch_size=1, **workers, dataset=dict(pipeline=test_pipeline, **files))
val_evaluator = dict(metric_options=dict(top_k_accuracy=dict(topk=(1,))))
test_evaluator = val_evaluator

train_cfg = dict(max_epochs=2, val_begin=2, val_interval=2)
default_hooks = dict(checkpoint=dict(interval=1, save_best=None), logger=dict(interval=1))
env_cfg = dict(cudnn_benchmark=False)
