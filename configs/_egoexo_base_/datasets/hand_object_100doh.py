# 100DOH in the layout of the authors' code (https://github.com/ddshan/hand_object_detector):
# JPEGImages, Annotations and ImageSets/Main under one folder. A leaf adds pipelines and batch
# sizes.
data_root = 'data/100doh'

train_dataloader = dict(
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    batch_sampler=dict(type='AspectRatioBatchSampler'),
    dataset=dict(
        type='HandObjectDataset', data_root=data_root, ann_file='ImageSets/Main/trainval.txt'
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='HandObjectDataset',
        data_root=data_root,
        ann_file='ImageSets/Main/test.txt',
        test_mode=True,
    ),
)
test_dataloader = val_dataloader

val_evaluator = dict(type='HandObjectMetric')  # text_rounding=True compares with published figures
test_evaluator = val_evaluator
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
