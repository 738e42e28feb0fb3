# Three epochs of three steps on a model of a few numbers, with the shipped runtime.
_base_ = '../../configs/_egoexo_base_/default_runtime.py'
custom_imports = dict(imports=['egoexo_mm', 'tests.training.toy'])

model = dict(type='ToyRecognizer')
loader = dict(
    batch_size=2,
    num_workers=0,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='pseudo_collate'),
)
train_dataloader = dict(**loader, dataset=dict(type='ToyClips'))
val_dataloader = dict(**loader, dataset=dict(type='ToyClips', test_mode=True))
val_evaluator = dict(type='ToyMetric')
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=3, val_begin=99)
val_cfg = dict(type='ValLoop')
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=0.1, momentum=0.9))
default_hooks = dict(
    logger=dict(interval=1), checkpoint=dict(interval=1, max_keep_ckpts=3, save_best=None)
)
