# Takes of several cameras, a third-person teacher, and what it says of all cameras of a take.
views = 'configs/miniworld/viewpoint'
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
        command='{python} tools/train.py {config} --work-dir {dir} {start} --seed 0',
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
