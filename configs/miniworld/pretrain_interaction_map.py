# Third-person videos and one teacher: interaction_map.
_base_ = ['pretrain_third.py', '_base_/aux_heads.py']

model = dict(aux_heads=dict(interaction_map=_base_.interaction_map))
train_dataloader = dict(
    dataset=dict(
        targets=dict(interaction_map=f'{_base_.root}/extract/interaction_map/store'),
        pipeline=_base_.pair_target_train,
    )
)
