# Viewpoint distillation in the small world (docs/viewpoint.md): the first-person camera of takes
# learns what a third-person network said of all cameras. Compared with third-only pre-training,
# with Ego-Exo, and with the same clips and labels without the teacher.
#   python tools/study.py configs/study/viewpoint.py --jobs 2
_base_ = ['miniworld.py', '_base_/take_steps.py']

name = 'viewpoint'
title = 'Viewpoint distillation in the small world'
seeds = [0, 1, 2, 3, 4]
steps = dict(
    **_base_.take_steps,
    pretrain=dict(config='{pretraining}'),
)
variables = dict(pretraining='configs/miniworld/pretrain_{recipe}.py', epochs_of_32='56')
viewpoint = dict(
    _base_.pretrained,
    pretraining=f'{_base_.views}/pretrain_{{recipe}}.py',
    last='epoch_{epochs_of_32}.pth',
)
cells = dict(
    _delete_=True,
    third_only=dict(_base_.cells.third_only, goals=['test']),
    egoexo=dict(_base_.cells.egoexo, goals=['test']),
    viewpoint_labels=dict(viewpoint, recipe='viewpoint_labels', stores='takes'),
    viewpoint=dict(viewpoint, recipe='viewpoint', stores='step_store'),
)
