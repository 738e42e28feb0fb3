# Ego-Scores of the third-person training videos, by the teacher of ego_teacher.py.
_base_ = ['../_egoexo_base_/extraction.py', '_base_/world.py']

model = dict(
    type='EgoScoreTeacher',
    recognizer=f'{_base_.configs}/ego_teacher.py',
    checkpoint=f'{_base_.root}/teachers/ego/epoch_30.pth',
    clip_len=8,
    short_side=52,
    crop_size=48,
)
test_dataloader = dict(
    num_workers=0,
    dataset=dict(
        ann_file=f'{_base_.world}/kinetics/train.txt',
        data_prefix=dict(video=f'{_base_.world}/kinetics/videos'),
        plan=dict(type='SampledClips', clip_len=8, frame_interval=4, num_clips=1),
    ),
)
test_cfg = dict(store=f'{_base_.root}/extract/ego_score/store', dataset='miniworld kinetics')
