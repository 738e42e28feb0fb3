# The same study on real data: Kinetics-400 -> Charades-Ego and EPIC-KITCHENS-100, SlowFast R50. The
# first command prints every command of it, the second runs two cells, 8 GPUs a step:
#   python tools/study.py configs/study/real_data.py --dry-run
#   python tools/study.py configs/study/real_data.py --cells third_only egoexo --seeds 0
# Data are where the docs put them, and so are the boxes of Charades-Ego and EPIC for Ego-Exo*. If
# you have target stores of Kinetics, name them in with_store in place of {ego_score}/store and so
# on. On Slurm, with GPUS=64 in env:
#   train = 'bash tools/slurm_train.sh PARTITION {cell} {config} --work-dir {dir} {start}'
name = 'real_data'
title = 'Kinetics-400 pre-training, Charades-Ego and EPIC-KITCHENS-100 fine-tuning'
seeds = [0, 1, 2]
baseline = 'third_only'
env = dict(OMP_NUM_THREADS='8')

train = 'bash tools/dist_train.sh {config} 8 --work-dir {dir} {start}'
test = 'bash tools/dist_test.sh {config} %s 8 --work-dir {dir}'
extract = test % 'none' + ' --cfg-options test_cfg.store={dir}/store'
teachers, charades, epic = (
    'configs/teachers',
    'configs/finetune/charades_ego',
    'configs/finetune/epic100',
)

# a head and its targets: with a store of this study, or without
with_store = {
    name: f' train_dataloader.dataset.targets.{name}={{{name}}}/store'
    for name in ('ego_score', 'object_score', 'interaction_map')
}
without = {
    name: f' model.aux_heads.{name}= train_dataloader.dataset.targets.{name}='
    for name in with_store
}
# The baseline differs from Ego-Exo in nothing else; the official one, configs/slowfast_k400.py, has
# dropout and twice the weight of the class loss.
none = '--cfg-options' + ''.join(without.values())

pretrain = dict(config='configs/egoexo_slowfast_k400.py', resume='--resume')
steps = dict(
    pretrain=dict(
        pretrain,
        folder='pretrain/{recipe}/seed{seed}',
        command=train + ' --amp --seed {seed} {stores}',
    ),
    kinetics=dict(  # the third_only pre-training of seed 0, from which the Ego-Score teacher starts
        pretrain, folder='pretrain/third/seed0', command=train + ' --amp --seed 0 ' + none
    ),
    ego_teacher=dict(
        folder='teachers/ego',
        config=f'{teachers}/ego_score_slowfast_r50_charades_ego.py',
        command=train,
        fresh='--cfg-options load_from={kinetics}/epoch_200.pth',
        resume='--resume',
    ),
    detector=dict(
        folder='teachers/detector',
        config=f'{teachers}/hand_object_r50_fpn_100doh.py',
        command=train,
        resume='--resume',
    ),
    ego_score=dict(
        folder='extract/ego_score',
        config=f'{teachers}/ego_score_k400.py',
        command=extract + ' model.checkpoint={ego_teacher}/epoch_10.pth',
    ),
    object_score=dict(
        folder='extract/object_score', config=f'{teachers}/object_score_k400.py', command=extract
    ),
    interaction_map=dict(
        folder='extract/interaction_map',
        config=f'{teachers}/hand_object_k400.py',
        command=extract + f' model.detector={teachers}/hand_object_r50_fpn_100doh.py '
        'model.checkpoint={detector}/epoch_12.pth',
    ),
    ego=dict(  # first-person pre-training: Charades-Ego, from scratch or after Kinetics
        folder='pretrain/{ego_recipe}/seed{seed}',
        config=f'{charades}/slowfast_r50_charades_ego.py',
        command=train + ' --seed {seed}',
        fresh='{ego_source}',
        resume='--resume',
    ),
    charades=dict(
        folder='charades_ego/{cell}/seed{seed}',
        config=f'{charades}/{{kind}}slowfast_r50_charades_ego.py',
        command=train + ' --seed {seed}',
        fresh='{source}',
        resume='--resume',
    ),
    charades_test=dict(
        folder='charades_ego_test/{cell}/seed{seed}',
        config=f'{charades}/{{kind}}slowfast_r50_charades_ego.py',
        command=test % '{charades}/epoch_60.pth',
    ),
    epic=dict(
        folder='epic100/{cell}/seed{seed}',
        config=f'{epic}/{{kind}}slowfast_r50_epic100.py',
        command=train + ' --seed {seed}',
        fresh='{source}',
        resume='--resume',
    ),
    epic_test=dict(
        folder='epic100_test/{cell}/seed{seed}',
        config=f'{epic}/{{kind}}slowfast_r50_epic100.py',
        command=test % '{epic}/epoch_30.pth',
    ),
)

both, epic_only = ['charades_test', 'epic_test'], ['epic_test']
from_ego = '--cfg-options load_from={ego}/epoch_60.pth'
kinetics = dict(source='--cfg-options load_from={pretrain}/epoch_200.pth', kind='', goals=both)
all_stores = '--cfg-options' + ''.join(with_store.values())
cells = dict(
    scratch=dict(source='--cfg-options load_from=None', kind='', goals=both),
    third_only=dict(kinetics, recipe='third', stores=none),
    ego_only=dict(
        ego_recipe='ego',
        ego_source='--cfg-options load_from=None',
        source=from_ego,
        kind='',
        goals=epic_only,
    ),
    third_ego=dict(  # one after the other, not mixed
        kinetics,
        recipe='third',
        stores=none,
        ego_recipe='third_ego',
        ego_source=kinetics['source'],
        source=from_ego,
        goals=epic_only,
    ),
    **{
        one: dict(
            kinetics,
            recipe=one,
            stores='--cfg-options'
            + ''.join(with_store[name] if name == one else without[name] for name in with_store),
        )
        for one in with_store
    },
    egoexo=dict(kinetics, recipe='egoexo', stores=all_stores),
    egoexo_star=dict(kinetics, recipe='egoexo', stores=all_stores, kind='egoexo_star_'),
)

measures = dict(
    charades=dict(step='charades_test', key='charades/mAP', label='Charades-Ego mAP', digits=4),
    verb=dict(step='epic_test', key='acc/verb_top1', label='EPIC-100 verb top-1 (%)'),
    noun=dict(step='epic_test', key='acc/noun_top1', label='EPIC-100 noun top-1 (%)'),
    action=dict(step='epic_test', key='acc/action_top1', label='EPIC-100 action top-1 (%)'),
    kinetics=dict(
        step='pretrain', key='acc/top1', label='Kinetics-400 top-1', digits=3, compare=False
    ),
)
curves = ['pretrain', 'charades', 'epic']
