# Boxes of hands and held objects on every fourth frame of the third-person training videos, by
# detector.py.
_base_ = ['../_egoexo_base_/extraction.py', '_base_/world.py']

model = dict(
    type='HandObjectTeacher',
    detector=f'{_base_.configs}/detector.py',
    checkpoint=f'{_base_.root}/teachers/detector/epoch_16.pth',
)
test_dataloader = dict(
    num_workers=0,
    dataset=dict(
        ann_file=f'{_base_.world}/kinetics/train.txt',
        data_prefix=dict(video=f'{_base_.world}/kinetics/videos'),
        plan=dict(type='EveryKthFrame', stride=4),
    ),
)
test_cfg = dict(store=f'{_base_.root}/extract/interaction_map/store', dataset='miniworld kinetics')
