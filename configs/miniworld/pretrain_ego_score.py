# Third-person videos and one teacher: ego_score.
_base_ = ['pretrain_third.py', '_base_/aux_heads.py']

model = dict(aux_heads=dict(ego_score=_base_.ego_score))
train_dataloader = dict(
    dataset=dict(
        targets=dict(ego_score=f'{_base_.root}/extract/ego_score/store'),
        pipeline=_base_.pair_target_train,
    )
)
