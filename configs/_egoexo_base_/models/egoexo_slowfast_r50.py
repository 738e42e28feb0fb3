_base_ = ['slowfast_r50.py', 'aux_heads.py']

model = dict(
    type='EgoExoRecognizer',
    cls_head=dict(dropout_ratio=0.0, loss_cls=dict(type='CrossEntropyLoss', loss_weight=0.5)),
    aux_heads=dict(
        ego_score=dict(_base_.aux_heads.ego_score, in_channels=2304),  # 256 fast + 2048 slow
        object_score=dict(_base_.aux_heads.object_score, in_channels=2304),
        interaction_map=dict(_base_.aux_heads.interaction_map, in_channels=2048),
    ),
)
