# Ego-Exo: third-person videos and all three teachers.
_base_ = ['pretrain_third.py', '_base_/aux_heads.py']

model = dict(
    aux_heads=dict(
        ego_score=_base_.ego_score,
        object_score=_base_.object_score,
        interaction_map=_base_.interaction_map,
    )
)
stores = dict(
    ego_score=f'{_base_.root}/extract/ego_score/store',
    object_score=f'{_base_.root}/extract/object_score/store',
    interaction_map=f'{_base_.root}/extract/interaction_map/store',
)
train_dataloader = dict(dataset=dict(targets=stores, pipeline=_base_.pair_target_train))
