# Ego-Exo pre-training of SlowFast 8x8 R50 on Kinetics-400 without target stores: the teachers run
# inside the training step.
#
# Only training reads their checkpoints, at its start; see docs/teachers.md. Targets are of the
# clip's crop, where released ones are of the whole video.
_base_ = 'egoexo_slowfast_k400.py'

train_dataloader = dict(
    dataset=dict(targets=dict(ego_score=None, object_score=None, interaction_map=None))
)
model = dict(
    teachers=dict(
        ego_score=dict(
            type='EgoScoreTeacher',
            recognizer='{{fileDirname}}/teachers/ego_score_slowfast_r50_charades_ego.py',
            checkpoint='work_dirs/ego_score_slowfast_r50_charades_ego/epoch_10.pth',
        ),
        object_score=dict(type='ObjectScoreTeacher', online_frames=4),
        interaction_map=dict(
            type='HandObjectTeacher',
            detector='{{fileDirname}}/teachers/hand_object_r101_c4.py',
            checkpoint='checkpoints/faster_rcnn_1_8_132028.pth',
            every=4,  # of the 8 slow frames the detector sees 2
            time_stride=_base_.load_targets.time_stride,
            frame_sampling=_base_.load_targets.frame_sampling,
        ),
    )
)
