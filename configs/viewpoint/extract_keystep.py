# Keystep logits of every clip of Ego-Exo4D's training split, from all cameras: the mean over three
# clips of 32x2, by a teacher of slowfast_r50_keystep_exo.py. Then
#   python tools/targets.py average data/targets/egoexo4d_keystep_clips \
#       data/targets/egoexo4d_keystep \
#       --segments data/egoexo4d/annotations/keystep_segment_train.json
_base_ = '../_egoexo_base_/extraction.py'

model = dict(
    type='RecognizerTeacher',
    signal='keystep',
    recognizer='{{ fileDirname }}/slowfast_r50_keystep_exo.py',
    checkpoint='work_dirs/slowfast_r50_keystep_exo/epoch_30.pth',
    clip_len=32,
)
test_dataloader = dict(
    dataset=dict(
        ann_file='data/egoexo4d/annotations/keystep_segment_train.json',
        data_prefix=dict(video='data/egoexo4d/keystep_benchmark/clips_448p'),
        video_id='path',  # the cameras of a segment may have equal file names in other takes
        plan=dict(type='SampledClips', clip_len=32, frame_interval=2, num_clips=3),
    )
)
test_cfg = dict(
    store='data/targets/egoexo4d_keystep_clips', dataset='Ego-Exo4D keysteps', batch_size=16
)
