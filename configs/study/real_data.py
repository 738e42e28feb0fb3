# The same study on real data: Kinetics-400 -> Charades-Ego and EPIC-KITCHENS-100, SlowFast R50. What it runs on a cluster:
#   python tools/study.py configs/study/real_data.py --dry-run                                (prints every command)
#   python tools/study.py configs/study/real_data.py --cells third_only egoexo --seeds 0      (runs them, 8 GPUs a step)
# Data and target stores lie where README.md and docs/finetuning.md put them. On Slurm replace the two launchers:
#   train = 'bash tools/slurm_train.sh PARTITION {cell} {config} --work-dir {dir} --seed {seed} {start}'  (GPUS=64 in env)
name = 'real_data'
title = 'Kinetics-400 pre-training, Charades-Ego and EPIC-KITCHENS-100 fine-tuning'
seeds = [0, 1, 2]
baseline = 'third_only'
env = dict(OMP_NUM_THREADS='8')

train = 'bash tools/dist_train.sh {config} 8 --work-dir {dir} --seed {seed} {start}'
test = 'bash tools/dist_test.sh {config} {weights} 8 --work-dir {dir}'
steps = dict(
    pretrain=dict(
        folder='pretrain/{recipe}/seed{seed}', config='configs/{pretraining}.py', command=train + ' --amp {drop}',
        resume='--resume'),
    ego=dict(  # first-person pre-training: Charades-Ego, from scratch or after Kinetics
        folder='pretrain/{ego_recipe}/seed{seed}', config='configs/finetune/charades_ego/slowfast_r50_charades_ego.py',
        command=train, fresh='{ego_source}', resume='--resume'),
    charades=dict(
        folder='charades_ego/{cell}/seed{seed}', config='configs/finetune/charades_ego/{kind}slowfast_r50_charades_ego.py',
        command=train, fresh='{source}', resume='--resume'),
    charades_test=dict(
        folder='charades_ego_test/{cell}/seed{seed}',
        config='configs/finetune/charades_ego/{kind}slowfast_r50_charades_ego.py',
        command=test.replace('{weights}', '{charades}/epoch_60.pth')),
    epic=dict(
        folder='epic100/{cell}/seed{seed}', config='configs/finetune/epic100/{kind}slowfast_r50_epic100.py', command=train,
        fresh='{source}', resume='--resume'),
    epic_test=dict(
        folder='epic100_test/{cell}/seed{seed}', config='configs/finetune/epic100/{kind}slowfast_r50_epic100.py',
        command=test.replace('{weights}', '{epic}/epoch_30.pth')))

both, epic_only = ['charades_test', 'epic_test'], ['epic_test']
kinetics = '--cfg-options load_from={pretrain}/epoch_200.pth'
ours = dict(pretraining='egoexo_slowfast_k400', source=kinetics, kind='', goals=both)
# a head and its targets that a cell goes without
without = {name: f' model.aux_heads.{name}= train_dataloader.dataset.targets.{name}='
           for name in ('ego_score', 'object_score', 'interaction_map')}
# The baseline differs from Ego-Exo in nothing else; the official one, configs/slowfast_k400.py, has dropout and twice the
# weight of the class loss.
none = '--cfg-options' + without['ego_score'] + without['object_score'] + without['interaction_map']
cells = dict(
    scratch=dict(source='--cfg-options load_from=None', kind='', goals=both),
    third_only=dict(ours, recipe='third', drop=none),
    ego_only=dict(
        ego_recipe='ego', ego_source='--cfg-options load_from=None', source='--cfg-options load_from={ego}/epoch_60.pth',
        kind='', goals=epic_only),
    third_ego=dict(  # one after the other, not mixed
        ours, recipe='third', drop=none, ego_recipe='third_ego', ego_source=kinetics,
        source='--cfg-options load_from={ego}/epoch_60.pth', goals=epic_only),
    ego_score=dict(
        ours, recipe='ego_score', drop='--cfg-options' + without['object_score'] + without['interaction_map']),
    object_score=dict(
        ours, recipe='object_score', drop='--cfg-options' + without['ego_score'] + without['interaction_map']),
    interaction_map=dict(
        ours, recipe='interaction_map', drop='--cfg-options' + without['ego_score'] + without['object_score']),
    egoexo=dict(ours, recipe='egoexo', drop=''),
    egoexo_star=dict(ours, recipe='egoexo', drop='', kind='egoexo_star_'))

measures = dict(
    charades=dict(step='charades_test', key='charades/mAP', label='Charades-Ego mAP', digits=4),
    verb=dict(step='epic_test', key='acc/verb_top1', label='EPIC-100 verb top-1 (%)'),
    noun=dict(step='epic_test', key='acc/noun_top1', label='EPIC-100 noun top-1 (%)'),
    action=dict(step='epic_test', key='acc/action_top1', label='EPIC-100 action top-1 (%)'),
    kinetics=dict(step='pretrain', key='acc/top1', label='Kinetics-400 top-1', digits=3, compare=False))
curves = ['pretrain', 'charades', 'epic']
