# Viewpoint distillation in the small world (docs/viewpoint.md): the first-person camera of takes
# learns what a third-person network said of all cameras. Compared with third-only pre-training,
# with Ego-Exo, and with the same clips and labels without the teacher.
#   python tools/study.py configs/study/viewpoint.py --jobs 2
_base_ = 'miniworld.py'

name = 'viewpoint'
title = 'Viewpoint distillation in the small world'
seeds = [0, 1, 2, 3, 4]
views = 'configs/miniworld/viewpoint'
train = '{python} tools/train.py {config} --work-dir {dir} {start}'
take_steps = dict(
    takes=dict(
        folder='takes',
        slots=2,
        command='{python} tools/miniworld.py {dir} --takes --size {size} --seed {world_seed} '
        '--procs 2',
    ),
    # the teacher: third-only pre-training, one for all seeds
    third_teacher=dict(
        folder='teachers/third',
        config='configs/miniworld/pretrain_third.py',
        command=train + ' --seed 0',
        resume='--resume',
        needs=['world'],
        env=dict(STUDY_SEED='0', STUDY_EPOCHS='{epochs}'),
    ),
    step_clips=dict(
        folder='extract/step',
        config=f'{views}/extract_step.py',
        command='{python} tools/test.py {config} none --work-dir {dir}',
        needs=['takes'],
        env=dict(MINIWORLD_TEACHER='{third_teacher}/epoch_{epochs}.pth'),
    ),
    step_store=dict(
        folder='extract/step_store',
        command='{python} tools/targets.py average {step_clips}/clips {dir}/store '
        '--segments {takes}/keystep_segment_train.json',
    ),
)
steps = dict(
    **take_steps,
    pretrain=dict(config='{pretraining}'),
)
variables = dict(pretraining='configs/miniworld/pretrain_{recipe}.py', epochs_of_32='56')
viewpoint = dict(
    _base_.pretrained,
    pretraining=f'{views}/pretrain_{{recipe}}.py',
    last='epoch_{epochs_of_32}.pth',
)
cells = dict(
    _delete_=True,
    third_only=dict(_base_.cells.third_only, goals=['test']),
    egoexo=dict(_base_.cells.egoexo, goals=['test']),
    viewpoint_labels=dict(viewpoint, recipe='viewpoint_labels', stores='takes'),
    viewpoint=dict(viewpoint, recipe='viewpoint', stores='step_store'),
)
