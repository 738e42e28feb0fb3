# Predicted Interaction-Maps of pre-training against the ground truth, on third-person clips that
# were not trained on.
_base_ = ['pretrain_third.py', '_base_/aux_heads.py']

model = dict(
    type='InteractionMapRecognizer', aux_heads=dict(interaction_map=_base_.interaction_map)
)
test_dataloader = dict(
    dataset=dict(
        targets=dict(interaction_map=f'{_base_.world}/truth/kinetics'),
        pipeline=_base_.pair_target_test,
    )
)
test_evaluator = dict(_delete_=True, type='InteractionMapMetric')
custom_hooks = [*_base_.custom_hooks, dict(type='CheckWeightsHook')]
