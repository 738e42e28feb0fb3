# Ego-Exo*: fine-tuning keeps the Interaction-Map loss, with the detector's boxes on the EPIC-like
# videos.
_base_ = ['finetune.py', '_base_/aux_heads.py']

map_loss = dict(type='InteractionMapLoss', loss_weight=1.0)
model = dict(
    aux_heads=dict(
        interaction_map=dict(_base_.interaction_map, loss_hand=map_loss, loss_held_object=map_loss)
    )
)
train_dataloader = dict(
    dataset=dict(
        targets=dict(interaction_map=f'{_base_.root}/extract/interaction_map_ego/store'),
        pipeline=_base_.target_train,
    )
)
