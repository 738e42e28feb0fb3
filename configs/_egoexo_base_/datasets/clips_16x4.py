# Clips of 16 frames, each 4 apart, tested at the 224 pixels that they are trained at (VideoMAE,
# MViTv2). Frames and cells of the maps are the model's.
clip_16x4 = dict(clip_len=16, frame_interval=4)
resample_16x4 = dict(
    SampleFrames=clip_16x4,
    SampleClampedFrames=clip_16x4,
    Resize=dict(scale=(-1, 224)),  # in testing only
    UniformThreeCrop=dict(crop_size=224),
    LoadTargets=dict(time_stride=None, frame_sampling=None),
)
# repeated augmentation: a video is decoded once for two clips of the same frames, as VideoMAE
# (--num_sample 2) and MMAction2's MViT have it
repeats = dict(num_repeats=2, sample_once=True)
repeats_collate = dict(type='repeat_pseudo_collate')
