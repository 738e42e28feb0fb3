_base_ = ['slowonly_r50.py', 'aux_heads.py']

model = dict(
    type='EgoExoRecognizer',
    cls_head=dict(dropout_ratio=0.0, loss_cls=dict(type='CrossEntropyLoss', loss_weight=0.5)),
    aux_heads={name: dict(head, in_channels=2048) for name, head in _base_.aux_heads.items()},
)
