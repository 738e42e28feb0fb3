# Third-person videos and one teacher: object_score.
_base_ = ['pretrain_third.py', '_base_/aux_heads.py']

model = dict(aux_heads=dict(object_score=_base_.object_score))
train_dataloader = dict(
    dataset=dict(
        targets=dict(object_score=f'{_base_.root}/extract/object_score/store'),
        pipeline=_base_.pair_target_train,
    )
)
