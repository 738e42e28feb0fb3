# 8 frames of a clip of 32, 48 of 72 pixels, of videos (Kinetics) and of frames (Charades-Ego,
# EPIC), which stay in memory.
clip = dict(clip_len=8, frame_interval=4)
sample, sample_test = (
    dict(type='SampleClampedFrames', **clip, test_mode=test) for test in (False, True)
)
load, decode = [dict(type='LoadWholeVideo')], [dict(type='ArrayDecode')]
augment = [
    dict(type='RandomRescale', scale_range=(50, 62)),
    dict(type='RandomCrop', size=48),
    dict(type='Flip', flip_ratio=0.5),
]
centre = [dict(type='Resize', scale=(-1, 52)), dict(type='CenterCrop', crop_size=48)]
ids = dict(meta_keys=('narration_id', 'video_id'))
pack = [dict(type='FormatShape', input_format='NCTHW'), dict(type='PackActionInputs', **ids)]
seed = [dict(type='SeedAugmentations')]

train, test = (
    [*seed, *load, sample, *decode, *augment, *pack],
    [*load, sample_test, *decode, *centre, *pack],
)
# labels: a pair as a number (Kinetics), or the pairs of a Charades-Ego video as a one-hot vector,
# to [verb, noun]
pair = [dict(type='PairToVerbNoun', num_nouns=8)]
one_hot = [dict(type='UnionFrameLabels', num_classes=48, scope='video')]
pair_train, pair_test = [*pair, *train], [*pair, *test]
labelled_frames_train = [*one_hot, *pair_train]

targets = [dict(type='LoadTargets', time_stride=2, frame_sampling='linspace', cell_size=8)]
pack_targets = [
    pack[0],
    dict(
        type='PackActionInputs',
        algorithm_keys=('ego_score', 'object_score', 'interaction_map'),
        **ids,
    ),
]
track = [dict(type='TrackGeometry')]
target_train = [*seed, *load, sample, *decode, *track, *augment, *targets, *pack_targets]
target_test = [*load, sample_test, *decode, *track, *centre, *targets, *pack_targets]
pair_target_train, pair_target_test = [*pair, *target_train], [*pair, *target_test]
