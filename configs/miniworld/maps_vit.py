# Maps of interaction_map_vit.py or map_probe_vit.py against the ground truth, on third-person clips
# that were not trained on.
_base_ = 'interaction_map_vit.py'

model = dict(type='InteractionMapRecognizer')
test_dataloader = dict(
    dataset=dict(
        targets=dict(interaction_map=f'{_base_.world}/truth/kinetics'),
        pipeline=_base_.pair_target_test,
    )
)
test_evaluator = dict(_delete_=True, type='InteractionMapMetric')
custom_hooks = [*_base_.custom_hooks, dict(type='CheckWeightsHook')]
