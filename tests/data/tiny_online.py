# The small SlowFast with teachers in the training step instead of stores.
_base_ = 'tiny_slowfast.py'
custom_imports = dict(imports=['egoexo_mm', 'tests.teachers.tiny_teachers'])

train_dataloader = dict(
    dataset=dict(targets=dict(ego_score=None, object_score=None, interaction_map=None))
)
model = dict(
    teachers=dict(
        ego_score=dict(type='TinyEgoTeacher', num_scores=2),
        object_score=dict(type='TinyObjectTeacher', num_scores=10, score_kind='probabilities'),
        interaction_map=dict(
            type='HandObjectTeacher',
            detector='{{fileDirname}}/tiny_teacher_detector.py',
            checkpoint='{{$TINY_DETECTOR:tiny_detector.pth}}',
            every=1,
        ),
    )
)
