# Object-Scores of the third-person training videos, by the teacher of object_teacher.py.
_base_ = ['../_egoexo_base_/extraction.py', '_base_/world.py']
custom_imports = dict(imports=['egoexo_mm', 'study.modules'])  # in tools/

model = dict(
    type='RecognizerObjectTeacher',
    recognizer=f'{_base_.configs}/object_teacher.py',
    num_scores=8,
    size=72,
    checkpoint=f'{_base_.root}/teachers/object/epoch_16.pth',
)
test_dataloader = dict(
    num_workers=0,
    dataset=dict(
        ann_file=f'{_base_.world}/kinetics/train.txt',
        data_prefix=dict(video=f'{_base_.world}/kinetics/videos'),
        plan=dict(type='EvenFrames', num_frames=4),
    ),
)
test_cfg = dict(store=f'{_base_.root}/extract/object_score/store', dataset='miniworld kinetics')
