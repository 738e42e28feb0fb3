# The evidence study (docs/evidence.md): which losses help, how much first-person data they save,
# whether a transformer gains, where maps help, and what a user might do instead. One world that
# nothing was tuned on, one set of teachers and of stores; seeds as in configs/study/miniworld.py.
#   python tools/study.py configs/study/evidence.py --jobs 2
# The short form is one seed in an old world: configs/study/evidence_short.py.
_base_ = ['miniworld.py', '_base_/take_steps.py']

name = 'evidence'
title = 'Ego-Exo in the small world: which losses, how little data, which student'
seeds = list(range(10))
few = dict(seeds=[0, 1, 2, 3, 4])
baseline = 'third_only'
variables = dict(
    size='full',
    world_seed=19,
    epochs='64',
    epochs_of_32='56',
    pretraining='configs/miniworld/pretrain_{recipe}.py',
    finetuning='configs/miniworld/{tuning}.py',
    testing='test_segments',
    probing='probes',
    tuned='epoch_32.pth',
    percent='100',
    probed='{pretrain}/{last}',
)

train = '{python} tools/train.py {config} --work-dir {dir} {start}'
test = '{python} tools/test.py {config}'
evidence = 'configs/miniworld/evidence'
seeded = dict(STUDY_SEED='{seed}', STUDY_EPOCHS='{epochs}')
records = dict(
    folder='records',
    needs=['world'],
    command='{python} tools/miniworld.py {work}/world/data --records {dir}/segments.npz',
)
# steps of the third study that differ here: configs of several folders, nouns apart by what is in
# sight, and a share of the data
steps = dict(
    **_base_.take_steps,
    records=records,
    pretrain=dict(config='{pretraining}'),
    finetune=dict(config='{finetuning}', env=dict(seeded, STUDY_PERCENT='{percent}')),
    test=dict(
        config=f'{evidence}/{{testing}}.py',
        command=test + ' {finetune}/{tuned} --work-dir {dir}',
        needs=['records'],
    ),
    # of pre-trained weights, before any fine-tuning
    probe=dict(
        folder='probe/{recipe}/seed{seed}',
        config=f'{evidence}/{{probing}}.py',
        command=test + ' {probed} --work-dir {dir}',
        needs=['records'],
        env=seeded,
    ),
    # and of fine-tuned ones
    probe_tuned=dict(
        folder='probe_tuned/{cell}/seed{seed}',
        config=f'{evidence}/{{probing}}.py',
        command=test + ' {finetune}/{tuned} --work-dir {dir}',
        needs=['records'],
        env=seeded,
    ),
)

# how a cell differs from third-only pre-training and plain fine-tuning
all_stores = 'interaction_map ego_score object_score'  # the detector takes longest
pretrained = dict(
    stores='',
    tuning='finetune',
    tuning_stores='',
    source='--cfg-options load_from={pretrain}/{last}',
    last='epoch_{epochs}.pth',
    goals=['test', 'probe'],
)
third_only = dict(pretrained, recipe='third')
egoexo = dict(pretrained, recipe='egoexo', stores=all_stores)
both_probes = ['test', 'probe', 'probe_tuned']
map_tests = dict(map_source='{pretrain}', goals=[*both_probes, 'maps', 'maps_ego'])
star = dict(tuning='finetune_star', tuning_stores='interaction_map_ego')
new_pretraining = dict(pretraining=f'{evidence}/pretrain_{{recipe}}.py')
new_finetuning = dict(finetuning=f'{evidence}/{{tuning}}.py')
pair = dict(pretrained, **few, **new_pretraining, turn=6)
# pre-training is that of the cell with all clips: only fine-tuning is run for these
share = dict(new_finetuning, tuning='finetune_share', goals=['test'], turn=3)
third_share, egoexo_share = dict(third_only, **share), dict(egoexo, **share)
twice = dict(
    new_finetuning, **few, tuning='finetune_twice', tuned='epoch_64.pth', goals=['test'], turn=4
)
viewpoint = dict(
    pretrained,
    **few,
    pretraining=f'{_base_.views}/pretrain_{{recipe}}.py',
    last='epoch_{epochs_of_32}.pth',
    turn=4,
)
vit = dict(
    new_pretraining,
    **new_finetuning,
    **few,
    testing='test_segments_vit',
    probing='probes_vit',
    tuning='finetune_vit',
    turn=5,
)
vit_third = dict(pretrained, **vit, recipe='third_vit')
vit_egoexo = dict(pretrained, **vit, recipe='egoexo_vit', stores=all_stores)

# The order of the table. Cells of a lower turn run first, with all their seeds.
cells = dict(
    _delete_=True,
    third_only=dict(third_only, goals=both_probes, turn=1),
    egoexo=dict(egoexo, **map_tests, turn=1),
    egoexo_star=dict(egoexo, **star, goals=both_probes, turn=2),
    ego_score=dict(pretrained, recipe='ego_score', stores='ego_score', turn=2),
    object_score=dict(pretrained, recipe='object_score', stores='object_score', turn=2),
    interaction_map=dict(
        pretrained, **map_tests, recipe='interaction_map', stores='interaction_map', turn=2
    ),
    ego_object=dict(pair, recipe='ego_object', stores='ego_score object_score'),
    ego_map=dict(pair, recipe='ego_map', stores='interaction_map ego_score'),
    object_map=dict(pair, recipe='object_map', stores='interaction_map object_score'),
    scratch=dict(
        pretrained,
        **few,
        source='',
        recipe='none',
        probed='none --cfg-options randomness.seed={seed}',
        goals=both_probes,
        turn=4,
    ),
    third_half=dict(third_only, **few, recipe='third_half', last='epoch_32.pth', turn=4),
    ego_only=dict(pretrained, **few, recipe='ego', last='epoch_448.pth', turn=4),
    third_ego=dict(pretrained, **few, recipe='third_ego', last='epoch_56.pth', turn=4),
    # what a user might do instead, with as many steps in all or more
    third_only_twice=dict(third_only, **twice),
    egoexo_twice=dict(egoexo, **twice, baseline='third_only_twice'),
    scratch_all_steps=dict(
        pretrained,
        **few,
        **new_finetuning,
        source='',
        tuning='finetune_all_steps',
        tuned='epoch_170.pth',
        goals=['test'],
        turn=4,
    ),
    simsiam=dict(
        pretrained, **few, **new_pretraining, recipe='simsiam', last='epoch_137.pth', turn=4
    ),
    # takes of several cameras: their labels alone, and with what a teacher says of all cameras
    viewpoint_labels=dict(viewpoint, recipe='viewpoint_labels', stores='takes'),
    viewpoint=dict(viewpoint, recipe='viewpoint', stores='step_store'),
    # shares of the first-person clips
    third_only_10=dict(third_share, percent='10', baseline=None),
    third_only_25=dict(third_share, percent='25', baseline=None),
    third_only_50=dict(third_share, percent='50', baseline=None),
    egoexo_10=dict(egoexo_share, percent='10', baseline='third_only_10'),
    egoexo_25=dict(egoexo_share, percent='25', baseline='third_only_25'),
    egoexo_50=dict(egoexo_share, percent='50', baseline='third_only_50'),
    # the transformer
    vit_third_only=dict(vit_third, baseline=None),
    vit_egoexo=dict(vit_egoexo, baseline='vit_third_only'),
    vit_egoexo_star=dict(
        vit_egoexo,
        tuning='finetune_star_vit',
        tuning_stores='interaction_map_ego',
        baseline='vit_third_only',
    ),
)

measures = dict(
    _delete_=True,
    action=dict(step='test', key='acc/action_top1', label='first-person test: action top-1 (%)'),
    verb=dict(step='test', key='acc/verb_top1', label='verb top-1 (%)'),
    noun=dict(step='test', key='acc/noun_top1', label='noun top-1 (%)'),
    # the question on maps: with another thing in sight, the noun is that of the one in hand
    noun_two=dict(
        step='test', key='sight/noun_two', label='noun top-1 with another thing in sight (%)'
    ),
    noun_one=dict(step='test', key='sight/noun_one', label='noun top-1 with no other in sight (%)'),
    hand=dict(
        step='probe',
        key='probe/hand_r2',
        label='linear probe before fine-tuning: hand place (R², %)',
    ),
    contact=dict(
        step='probe', key='probe/contact_auc', label='linear probe before: contact (AUC, %)'
    ),
    side=dict(step='probe', key='probe/side_top1', label='linear probe before: hand that acts (%)'),
    held=dict(
        step='probe', key='probe/object_top1', label='linear probe before: thing in hand (%)'
    ),
    held_two=dict(
        step='probe',
        key='probe/object_two_top1',
        label='linear probe before: thing in hand, another in sight (%)',
    ),
    hand_tuned=dict(
        step='probe_tuned',
        key='probe/hand_r2',
        label='linear probe after fine-tuning: hand place (R², %)',
    ),
    contact_tuned=dict(
        step='probe_tuned', key='probe/contact_auc', label='linear probe after: contact (AUC, %)'
    ),
    held_two_tuned=dict(
        step='probe_tuned',
        key='probe/object_two_top1',
        label='linear probe after: thing in hand, another in sight (%)',
    ),
    validation=dict(
        step='finetune', key='acc/action_top1', label='first-person validation: action top-1 (%)'
    ),
    third=dict(
        step='pretrain', key='acc/verb_top1', label='third-person validation: verb top-1 (%)'
    ),
    maps=dict(step='maps', key='map/mean_ap', label='maps, third person: AP (%)', compare=False),
    maps_position=dict(
        step='maps',
        key='map/mean_position',
        label='maps, third person: AP of mean positions (%)',
        compare=False,
    ),
    maps_ego=dict(
        step='maps_ego', key='map/mean_ap', label='maps, first person: AP (%)', compare=False
    ),
    maps_ego_position=dict(
        step='maps_ego',
        key='map/mean_position',
        label='maps, first person: AP of mean positions (%)',
        compare=False,
    ),
)
data_curve = dict(
    measure='action',
    curves={
        line: {'10': f'{line}_10', '25': f'{line}_25', '50': f'{line}_50', '100': line}
        for line in ('third_only', 'egoexo')
    },
)
# five sentences, made of numbers alone
reading = [
    dict(kind='difference', measure='action', cells=['egoexo', 'vit_egoexo']),
    dict(kind='survivors', measure='action'),
    dict(
        kind='best',
        measure='action',
        against='egoexo',
        cells=[
            'third_only_twice',
            'scratch_all_steps',
            'simsiam',
            'viewpoint',
            'third_half',
            'third_ego',
        ],
    ),
    dict(kind='difference', measure='noun_two', cells=['interaction_map', 'egoexo']),
    dict(kind='share'),
]
