# Ego-Scores of Kinetics-400: the mean over ten clips a video, by a teacher of
# ego_score_slowfast_r50_charades_ego.py.
_base_ = '../_egoexo_base_/datasets/k400_videos.py'

model = dict(
    type='EgoScoreTeacher',
    recognizer='{{ fileDirname }}/ego_score_slowfast_r50_charades_ego.py',
    checkpoint='work_dirs/ego_score_slowfast_r50_charades_ego/epoch_10.pth',
    clip_len=32,
)
# clips as long as in its training, at the 24 frames a second of Charades-Ego
plan = dict(type='SampledClips', clip_len=32, frame_interval=2, num_clips=10, target_fps=24)
test_dataloader = dict(dataset=dict(plan=plan))
test_cfg = dict(store='data/targets/k400_ego_score', batch_size=16)
