# Ego-Exo*: fine-tuning keeps the Interaction-Map loss, with SlowFast's weights: 3.0 (hand +
# object) + CE verb + CE noun.
_base_ = ['egoexo_vit_base_epic100.py', '../../_egoexo_base_/models/aux_heads.py']

map_loss = dict(type='InteractionMapLoss', loss_weight=3.0)
model = dict(
    aux_heads=dict(
        interaction_map=dict(
            _base_.aux_heads.interaction_map, loss_hand=map_loss, loss_held_object=map_loss
        )
    )
)
train_dataloader = dict(
    dataset=dict(
        pipeline=_base_.star_train_pipeline, targets=dict(interaction_map=_base_.interaction_store)
    )
)
