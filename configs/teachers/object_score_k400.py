# Object-Scores of Kinetics-400: the mean over 16 frames a video. Any ImageNet classifier can take
# the place of this small one, for example classifier=dict(kind='timm', name='convnext_tiny').
_base_ = '../_egoexo_base_/datasets/k400_videos.py'

model = dict(
    type='ObjectScoreTeacher', classifier=dict(kind='efficientnet_lite0'), score_kind='logits'
)
test_dataloader = dict(dataset=dict(plan=dict(type='EvenFrames', num_frames=16)))
test_cfg = dict(store='data/targets/k400_object_score', batch_size=128)
