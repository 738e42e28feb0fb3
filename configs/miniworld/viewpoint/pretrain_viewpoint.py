# Viewpoint distillation: as pretrain_viewpoint_labels.py, and the first-person clips also learn
# what a third-person network said of their scene, the mean over all cameras of the take.
_base_ = 'pretrain_viewpoint_labels.py'

model = dict(
    aux_heads=dict(
        step=dict(
            type='ScoreDistillHead',
            target='step',
            num_classes=6,
            in_channels=80,
            loss=dict(type='SoftTargetLoss', temperature=2.0, loss_weight=0.5),
        )
    )
)
pipeline = [
    *_base_.pair_train[:-2],
    dict(type='LoadTargets'),
    _base_.pair_train[-2],
    dict(_base_.pair_train[-1], algorithm_keys=('step',)),
]
third, takes = _base_.train_dataloader.dataset.datasets
datasets = [
    dict(third, pipeline=pipeline),
    dict(takes, pipeline=pipeline, targets=dict(step=f'{_base_.root}/extract/step_store/store')),
]
train_dataloader = dict(dataset=dict(datasets=datasets))
