# Viewpoint distillation: the student sees the first-person camera of a keystep and learns its label
# and what a teacher of the other cameras said of them all. docs/viewpoint.md has the commands:
#   1. slowfast_r50_keystep_exo.py trains the teacher;
#   2. extract_keystep.py runs it over the clips of all cameras;
#   3. tools/targets.py average stores the mean over the cameras of each segment.
_base_ = '../finetune/egoexo4d_keystep/slowfast_r50_keystep.py'

# Softened scores of both sides, https://arxiv.org/abs/1503.02531; nobody has tuned these numbers.
model = dict(
    aux_heads=dict(
        keystep=dict(
            type='ScoreDistillHead',
            target='keystep',
            num_classes=278,
            in_channels=2304,
            loss=dict(type='SoftTargetLoss', temperature=2.0, loss_weight=1.0),
        )
    )
)
train_pipeline = [
    *_base_.train_pipeline[:-2],
    dict(type='LoadTargets'),
    _base_.train_pipeline[-2],
    dict(_base_.train_pipeline[-1], algorithm_keys=('keystep',)),
]
train_dataloader = dict(
    dataset=dict(pipeline=train_pipeline, targets=dict(keystep='data/targets/egoexo4d_keystep'))
)
