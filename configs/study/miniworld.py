# The study of the small world (docs/study.md): 10 cells, the three that matter most x 10 seeds and
# the others x 5. One world, which is not the one that the settings were chosen in, one set of
# teachers and of stores; a seed decides the first weights, the order of the clips, and which clips
# are trained on.
#   python tools/study.py configs/study/miniworld.py --jobs 2
# The short form is one seed of two cells: configs/study/miniworld_short.py.
name = 'miniworld'
title = 'Ego-Exo in the small world: third-person pre-training, first-person fine-tuning and test'
seeds = list(range(10))
few = dict(seeds=[0, 1, 2, 3, 4])
baseline = 'third_only'
variables = dict(size='full', world_seed=3, epochs='64')
env = dict(MINIWORLD_STUDY='{work}', OMP_NUM_THREADS='1', STUDY_SEED='0')
seeded = dict(STUDY_SEED='{seed}', STUDY_EPOCHS='{epochs}')

train = '{python} tools/train.py {config} --work-dir {dir} {start}'
extract = '{python} tools/test.py {config} none --work-dir {dir}'
mini = 'configs/miniworld'
teacher = dict(command=train, resume='--resume', needs=['world'])
steps = dict(
    world=dict(
        folder='world',
        slots=2,
        command='{python} tools/miniworld.py {dir}/data --size {size} --seed {world_seed} '
        '--procs 2',
    ),
    detector=dict(teacher, folder='teachers/detector', config=f'{mini}/detector.py'),
    ego_teacher=dict(teacher, folder='teachers/ego', config=f'{mini}/ego_teacher.py'),
    object_teacher=dict(teacher, folder='teachers/object', config=f'{mini}/object_teacher.py'),
    ego_score=dict(
        folder='extract/ego_score',
        config=f'{mini}/extract_ego_score.py',
        command=extract,
        needs=['ego_teacher'],
    ),
    object_score=dict(
        folder='extract/object_score',
        config=f'{mini}/extract_object_score.py',
        command=extract,
        needs=['object_teacher'],
    ),
    interaction_map=dict(
        folder='extract/interaction_map',
        config=f'{mini}/extract_interaction_map.py',
        command=extract,
        needs=['detector'],
    ),
    ego_videos=dict(  # the training segments, whose participants are P1...
        folder='ego_videos',
        needs=['world'],
        command='{python} tools/frames_to_videos.py {work}/world/data/epic100 {dir} '
        "--folders 'P1*/rgb_frames/*' --fps 24",
    ),
    interaction_map_ego=dict(
        folder='extract/interaction_map_ego',
        config=f'{mini}/extract_interaction_map_ego.py',
        command=extract,
        needs=['detector', 'ego_videos'],
    ),
    pretrain=dict(
        folder='pretrain/{recipe}/seed{seed}',
        config=f'{mini}/pretrain_{{recipe}}.py',
        command=train + ' --seed {seed}',
        resume='--resume',
        needs=['world', '{stores}'],
        env=seeded,
    ),
    finetune=dict(
        folder='finetune/{cell}/seed{seed}',
        config=f'{mini}/{{tuning}}.py',
        command=train + ' --seed {seed}',
        fresh='{source}',
        resume='--resume',
        needs=['world', '{tuning_stores}'],
        env=seeded,
    ),
    test=dict(
        folder='test/{cell}/seed{seed}',
        config=f'{mini}/{{tuning}}.py',
        env=seeded,
        command='{python} tools/test.py {config} {finetune}/epoch_32.pth --work-dir {dir}',
    ),
    map_probe=dict(
        folder='map_probe/seed{seed}',
        config=f'{mini}/map_probe.py',
        command=train + ' --seed {seed}',
        fresh='{source}',
        resume='--resume',
        needs=['interaction_map'],
        env=seeded,
    ),
    maps=dict(
        folder='maps/{recipe}/seed{seed}',
        config=f'{mini}/maps.py',
        env=seeded,
        command='{python} tools/test.py {config} {map_source}/epoch_{epochs}.pth --work-dir {dir} '
        '--cfg-options test_evaluator.examples_file={dir}/maps.npz',
    ),
    maps_ego=dict(
        folder='maps_ego/{recipe}/seed{seed}',
        config=f'{mini}/maps_ego.py',
        env=seeded,
        command='{python} tools/test.py {config} {map_source}/epoch_{epochs}.pth --work-dir {dir} '
        '--cfg-options test_evaluator.examples_file={dir}/maps.npz',
    ),
)

pretrained = dict(
    stores='',
    tuning='finetune',
    tuning_stores='',
    goals=['test'],
    source='--cfg-options load_from={pretrain}/{last}',
    last='epoch_{epochs}.pth',
)
with_maps = dict(pretrained, map_source='{pretrain}', goals=['test', 'maps', 'maps_ego'])
all_stores = 'interaction_map ego_score object_score'  # the detector takes longest
cells = dict(
    scratch=dict(few, source='', tuning='finetune', tuning_stores='', goals=['test']),
    third_only=dict(
        with_maps, recipe='third', map_source='{map_probe}'
    ),  # its maps: a head trained on frozen features
    third_half=dict(pretrained, recipe='third_half', last='epoch_32.pth'),
    ego_only=dict(pretrained, **few, recipe='ego', last='epoch_448.pth'),
    third_ego=dict(pretrained, **few, recipe='third_ego', last='epoch_56.pth'),
    ego_score=dict(pretrained, **few, recipe='ego_score', stores='ego_score'),
    object_score=dict(pretrained, **few, recipe='object_score', stores='object_score'),
    interaction_map=dict(with_maps, **few, recipe='interaction_map', stores='interaction_map'),
    egoexo=dict(with_maps, recipe='egoexo', stores=all_stores),
    egoexo_star=dict(
        pretrained,
        **few,
        recipe='egoexo',
        stores=all_stores,
        tuning='finetune_star',
        tuning_stores='interaction_map_ego',
    ),
)

measures = dict(
    action=dict(step='test', key='acc/action_top1', label='ego test: action top-1 (%)'),
    verb=dict(step='test', key='acc/verb_top1', label='verb top-1 (%)'),
    noun=dict(step='test', key='acc/noun_top1', label='noun top-1 (%)'),
    validation=dict(
        step='finetune', key='acc/action_top1', label='ego validation: action top-1 (%)'
    ),
    third=dict(
        step='pretrain', key='acc/verb_top1', label='third-person validation: verb top-1 (%)'
    ),
    maps=dict(step='maps', key='map/mean_ap', label='maps, third person: AP (%)'),
    maps_position=dict(
        step='maps', key='map/mean_position', label='the same of mean positions', compare=False
    ),
    maps_constant=dict(
        step='maps', key='map/mean_constant', label='the same of a constant', compare=False
    ),
    maps_ego=dict(step='maps_ego', key='map/mean_ap', label='maps, first person: AP (%)'),
)
curves = ['pretrain', 'finetune']
examples = [
    dict(
        title='Third person (Kinetics-like, pre-training)',
        videos='world/data/kinetics/videos/train_*.mp4',
        count=6,
    ),
    dict(
        title='Both views (Charades-Ego-like, Ego-Score teacher)',
        videos='world/data/charades_ego/frames/TR*',
        count=6,
    ),
]
maps = [
    dict(title='Third person, held out', step='maps', file='maps.npz'),
    dict(title='First person, held out', step='maps_ego', file='maps.npz'),
]
