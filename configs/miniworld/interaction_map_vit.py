# The same with the map loss. Targets are of the world's exact boxes: no detector is needed.
_base_ = ['third_vit.py', '../_egoexo_base_/models/aux_heads.py']

model = dict(
    aux_heads=dict(interaction_map=dict(_base_.aux_heads.interaction_map, mid_channels=32))
)
# the model tells frames and cells
pair_target_train, pair_target_test = (
    [dict(type='LoadTargets') if step['type'] == 'LoadTargets' else step for step in pipeline]
    for pipeline in (_base_.pair_target_train, _base_.pair_target_test)
)
train_dataloader = dict(
    dataset=dict(
        targets=dict(interaction_map=f'{_base_.world}/truth/kinetics'), pipeline=pair_target_train
    )
)
