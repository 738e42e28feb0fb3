# Verbs of the clips of all cameras of the takes, as logits, by a network that was trained on
# third-person clips (pretrain_third.py). tools/targets.py average stores the mean over the cameras.
_base_ = ['../../_egoexo_base_/extraction.py', '../_base_/world.py']
custom_imports = dict(imports=['egoexo_mm', 'study.modules'])  # in tools/

model = dict(
    type='RecognizerTeacher',
    signal='step',
    recognizer=f'{_base_.configs}/pretrain_third.py',
    checkpoint='{{$MINIWORLD_TEACHER:work_dirs/study/viewpoint/teachers/third/epoch_64.pth}}',
    output='verb',
    clip_len=8,
    short_side=52,
    crop_size=48,
)
test_dataloader = dict(
    num_workers=0,
    dataset=dict(
        ann_file=f'{_base_.root}/takes/keystep_segment_train.json',
        data_prefix=dict(video=f'{_base_.root}/takes/clips'),
        video_id='path',
        plan=dict(type='SampledClips', clip_len=8, frame_interval=4, num_clips=1),
    ),
)
test_cfg = dict(store=f'{_base_.root}/extract/step/clips', dataset='miniworld takes')
