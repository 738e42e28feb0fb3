# Ego-Exo pre-training of SlowFast 8x8 R50 on Kinetics-400 without target stores: the teachers run inside the training step.
#
# Their checkpoints are read at the start of training, and by training alone; see docs/teachers.md. Targets are of the clip's
# crop, not of the whole video as released ones.
_base_ = 'egoexo_slowfast_k400.py'

train_dataloader = dict(
    dataset=dict(targets=dict(ego_score=None, object_score=None, interaction_map=None))
)
model = dict(
    teachers=dict(
        ego_score=dict(
            type='EgoScoreTeacher',
            recognizer='{{fileDirname}}/teachers/ego_score_slowfast_r50_charades_ego.py',
            checkpoint='checkpoints/ego_score_slowfast_r50.pth',
        ),
        object_score=dict(type='ObjectScoreTeacher', online_frames=4),
        interaction_map=dict(
            type='HandObjectTeacher',
            detector='{{fileDirname}}/teachers/hand_object_r101_c4.py',
            checkpoint='checkpoints/faster_rcnn_1_8_132028.pth',
            every=4,  # of the 8 slow frames the detector sees 2
            time_stride=4,
            frame_sampling='linspace',
        ),
    )
)
