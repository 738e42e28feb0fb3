# How well the Ego-Score teacher by words tells the test videos of Charades-Ego apart. Nothing is
# trained: run tools/test.py with the checkpoint "none".
_base_ = ['../_egoexo_base_/datasets/charades_ego_view.py', '../_egoexo_base_/default_runtime.py']

teacher = '{{ fileDirname }}/ego_score_by_words.py'
model = dict(type='MeasuredTeacher', teacher=teacher)
test_pipeline = [  # 16 single frames; the teacher resizes them
    dict(type='SampleClampedFrames', clip_len=1, frame_interval=1, num_clips=16, test_mode=True),
    dict(type='RawFrameDecode'),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
test_dataloader = dict(batch_size=1, dataset=dict(pipeline=test_pipeline))  # videos differ in size
test_cfg = dict(type='TestLoop')
train_dataloader = val_dataloader = val_evaluator = None
