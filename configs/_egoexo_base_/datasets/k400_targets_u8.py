# Kinetics-400 with teacher targets for UniFormerV2: 8 frames spread over the video, without erasing
# and repeats. The rest is as for other transformers.
_base_ = 'k400_targets_16x4.py'

clip = dict(clip_len=8)
train_pipeline, val_pipeline, test_pipeline = (
    [
        dict(type='UniformSample', num_clips=clips, test_mode=test, **clip)
        if step['type'] == 'SampleFrames'
        else step
        for step in pipeline
        if step['type'] != 'RandomErasing'
    ]
    for pipeline, clips, test in (
        (_base_.train_pipeline, 1, False),
        (_base_.val_pipeline, 1, True),
        (_base_.test_pipeline, 4, True),  # 4 clips x 3 crops
    )
)
train_dataloader = dict(
    collate_fn=dict(type='pseudo_collate', _delete_=True),
    dataset=dict(num_repeats=1, pipeline=train_pipeline),
)
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
