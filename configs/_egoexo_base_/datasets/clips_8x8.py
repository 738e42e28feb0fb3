# Clips of 8 frames, each 8 apart; every frame has a map.
clip_8x8 = dict(clip_len=8, frame_interval=8)
resample = dict(
    SampleTimeWindow=clip_8x8,
    SampleFrames=clip_8x8,
    SampleClampedFrames=clip_8x8,
    LoadTargets=dict(time_stride=1),
)
