# What the picture at the top of README.md needs: the world, the teachers, one short Ego-Exo
# pre-training, and what the teachers say about clips that nobody trained on. docs/study.md says
# what the small world is.
#   python tools/study.py configs/study/readme_picture.py --jobs 2
#   PYTHONPATH=tools python docs/make_pictures.py
_base_ = 'miniworld_short.py'

name = 'readme_picture'
variables = dict(size='short', world_seed=0, epochs='32')  # 896 iterations
held_out = (
    '{python} tools/test.py {config} none --work-dir {dir} '
    '--cfg-options test_cfg.store={dir}/store '
    'test_dataloader.dataset.ann_file={work}/world/data/kinetics/val.txt'
)
steps = {
    f'{name}_val': dict(
        folder=f'extract_val/{name}',
        config=f'configs/miniworld/extract_{name}.py',
        command=held_out,
        needs=[teacher],
    )
    for name, teacher in (
        ('ego_score', 'ego_teacher'),
        ('object_score', 'object_teacher'),
        ('interaction_map', 'detector'),
    )
}
cells = dict(
    _delete_=True,
    egoexo=dict(
        _base_.cells.egoexo,
        goals=['ego_score_val', 'object_score_val', 'interaction_map_val', 'maps'],
    ),
)
