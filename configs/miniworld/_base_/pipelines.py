# 8 frames of a clip of 32, 56 of 72 pixels, of videos (Kinetics) and of frames (Charades-Ego, EPIC).
clip = dict(clip_len=8, frame_interval=4)
sample, sample_test = (dict(type='SampleClampedFrames', **clip, test_mode=test) for test in (False, True))
video, frames = [dict(type='DecordInit'), dict(type='DecordDecode')], [dict(type='RawFrameDecode')]
augment = [
    dict(type='RandomRescale', scale_range=(58, 72)),
    dict(type='RandomCrop', size=56),
    dict(type='Flip', flip_ratio=0.5),
]
centre = [dict(type='Resize', scale=(-1, 60)), dict(type='CenterCrop', crop_size=56)]
pack = [dict(type='FormatShape', input_format='NCTHW'), dict(type='PackActionInputs')]
seed = [dict(type='SeedAugmentations')]

video_train = [*seed, video[0], sample, video[1], *augment, *pack]
video_test = [video[0], sample_test, video[1], *centre, *pack]
frames_train = [*seed, sample, *frames, *augment, *pack]
frames_test = [sample_test, *frames, *centre, *pack]
labelled_frames_train, labelled_frames_test = (  # the action of a pair as a one-hot vector
    [new for step in pipeline
     for new in ([step, dict(type='UnionFrameLabels', num_classes=48, scope='video')] if step is at else [step])]
    for pipeline, at in ((frames_train, sample), (frames_test, sample_test)))

targets = [dict(type='LoadTargets', time_stride=2, frame_sampling='linspace', cell_size=8)]
pack_targets = [
    pack[0], dict(type='PackActionInputs', algorithm_keys=('ego_score', 'object_score', 'interaction_map'))
]
track = [dict(type='TrackGeometry')]
video_target_train = [*seed, video[0], sample, video[1], *track, *augment, *targets, *pack_targets]
video_target_test = [video[0], sample_test, video[1], *track, *centre, *targets, *pack_targets]
frames_target_train = [*seed, sample, *frames, *track, *augment, *targets, *pack_targets]
frames_target_test = [sample_test, *frames, *track, *centre, *targets, *pack_targets]
