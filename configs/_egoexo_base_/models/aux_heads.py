# The heads that Ego-Exo adds to any backbone, with the loss weights of Kinetics pre-training:
# 0.5 action + 0.1 Ego-Score + 0.5 Object-Score + 1.0 hand map + 1.0 object map.
aux_heads = dict(
    ego_score=dict(
        type='ScoreDistillHead',
        target='ego_score',
        num_classes=2,
        loss=dict(type='SoftTargetLoss', temperature=1.0, loss_weight=0.1),
    ),
    object_score=dict(
        type='ScoreDistillHead',
        target='object_score',
        num_classes=1000,
        loss=dict(type='SoftTargetLoss', temperature=1.0, loss_weight=0.5),
    ),
    interaction_map=dict(
        type='InteractionMapHead',
        mid_channels=512,
        pathway=0,  # slow
        loss_hand=dict(type='InteractionMapLoss', loss_weight=1.0),
        loss_held_object=dict(type='InteractionMapLoss', loss_weight=1.0),
    ),
)
