# The pipelines of fine-tuning, on frames of a video in a folder, and the loaders. A data set adds
# its labels and ids.
_base_ = 'loaders.py'

clip = dict(clip_len=32, frame_interval=2)
num_maps = 8  # slow frames of the 8x8 models; each has a map
train_pipeline = [
    dict(type='SeedAugmentations'),
    dict(type='SampleClampedFrames', **clip),
    dict(type='RawFrameDecode'),
    # type='HandFocusedCrop' crops around stored hands instead, see docs/finetuning.md
    dict(type='RandomRescaleCrop', scale_range=(256, 320), size=224),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
# for Ego-Exo*: the same clips with the maps of hands and held objects
maps_train_pipeline = [
    *train_pipeline[:3],
    dict(type='TrackGeometry'),
    *train_pipeline[3:5],
    dict(type='LoadTargets', time_stride=clip['clip_len'] // num_maps, frame_sampling='linspace'),
    train_pipeline[5],
    dict(type='PackActionInputs', algorithm_keys=('interaction_map',)),
]
val_pipeline = [
    dict(type='SampleClampedFrames', num_clips=1, test_mode=True, **clip),
    dict(type='RawFrameDecode'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='CenterCrop', crop_size=224),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
test_pipeline = [  # 10 clips x 3 crops, cut from frames that are sent to the model once
    dict(type='SampleClampedFrames', num_clips=10, test_mode=True, **clip),
    dict(type='UniqueFrames'),
    dict(type='RawFrameDecode'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='RepeatFrames'),
    dict(type='UniformThreeCrop', crop_size=256),
    dict(type='FormatViews'),
    dict(type='PackActionInputs', collect_keys=('frames', 'clip_frames', 'crops')),
]
