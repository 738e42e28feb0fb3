# The class head of Charades-Ego: several of 157 classes a video, the best of its views.
charades_head = dict(
    type='ViewEnsembleHead',
    num_classes=157,
    multi_class=True,
    loss_cls=dict(type='BCELossWithLogits'),
    activation='sigmoid',
    ensemble='max',
)
