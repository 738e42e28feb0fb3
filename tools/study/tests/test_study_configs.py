"""The shipped studies: their steps, and every config that these name."""

from pathlib import Path

import pytest
from mmaction.registry import MODELS
from mmengine.config import Config

import study.modules  # noqa: F401
from study.plan import make_plan
from study.tests.toy_study import ROOT

CELLS = [
    'scratch',
    'third_only',
    'ego_only',
    'third_ego',
    'ego_score',
    'object_score',
    'interaction_map',
    'egoexo',
    'egoexo_star',
]  # of every study; the small world has third_half besides
MINI = sorted(path.name for path in (ROOT / 'configs' / 'miniworld').glob('*.py'))
LOSSES = dict(
    ego_score={'ego_score'},
    object_score={'object_score'},
    interaction_map={'interaction_map'},
    egoexo={'ego_score', 'object_score', 'interaction_map'},
)


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


def plan_of(name, **kwargs):
    return make_plan(Config.fromfile(ROOT / 'configs' / 'study' / name), Path('/study'), **kwargs)


def config(name):
    return Config.fromfile(ROOT / 'configs' / 'miniworld' / name)


def iterations(name):
    """Training iterations, and clips of each, of a pre-training or fine-tuning."""
    cfg = config(name)
    data = cfg.train_dataloader.dataset
    parts = data.get('datasets', [data])
    clips = sum(
        len(part.indices) if 'indices' in part else 64 for part in parts
    )  # 64 pairs in Charades-Ego
    return cfg.train_cfg.max_epochs * (
        clips // cfg.train_dataloader.batch_size
    ), cfg.train_dataloader.batch_size


def test_matrix_of_the_small_world():
    runs = list(plan_of('miniworld.py').runs)
    assert {cell: sum(of == cell for of, _ in runs) for cell in [*CELLS, 'third_half']} == {
        cell: 10 if cell in ('third_only', 'third_half', 'egoexo') else 5
        for cell in [*CELLS, 'third_half']
    }
    plan = plan_of('miniworld.py', seeds=[0])
    assert plan.cells == [*CELLS[:2], 'third_half', *CELLS[2:]]
    names = [step.name for step in plan.steps.values()]
    assert {name: names.count(name) for name in set(names)} == dict(
        world=1,
        detector=1,
        ego_teacher=1,
        object_teacher=1,
        ego_score=1,
        object_score=1,
        interaction_map=1,
        ego_videos=1,
        interaction_map_ego=1,
        pretrain=8,
        finetune=10,
        test=10,
        map_probe=1,
        maps=3,
        maps_ego=3,
    )


def test_short_form():
    plan = plan_of('miniworld_short.py')
    assert list(plan.runs) == [('third_only', 0), ('egoexo', 0)]
    assert plan.step('egoexo', 0, 'pretrain').env['STUDY_EPOCHS'] == '16'
    assert (
        'load_from=/study/pretrain/egoexo/seed0/epoch_16.pth'
        in plan.step('egoexo', 0, 'finetune').command
    )
    names = {step.name for step in plan.steps.values()}
    assert {
        'world',
        'detector',
        'ego_teacher',
        'object_teacher',
        'ego_score',
        'object_score',
        'interaction_map',
        'test',
        'maps',
    } <= names and 'interaction_map_ego' not in names


def test_readme_picture():
    """Ego-Exo alone: no fine-tuning, and every teacher also runs on held-out clips."""
    plan = plan_of('readme_picture.py')
    assert list(plan.runs) == [('egoexo', 0)]
    assert plan.step('egoexo', 0, 'pretrain').env['STUDY_EPOCHS'] == '32'  # x 28 = 896 iterations
    names = {step.name for step in plan.steps.values()}
    assert {'pretrain', 'maps', 'ego_score_val', 'object_score_val', 'interaction_map_val'} <= names
    assert not names & {'finetune', 'test'}
    command = plan.step('egoexo', 0, 'object_score_val').command
    assert command[-1] == 'test_dataloader.dataset.ann_file=/study/world/data/kinetics/val.txt'
    assert command[2] == 'configs/miniworld/extract_object_score.py'


@pytest.mark.parametrize('name', [name for name in MINI if name.startswith('pretrain_')])
def test_equal_pretraining(name):
    """1,792 iterations (third_half: half) of 16 clips, one optimizer and schedule.

    Only data, heads and targets differ.
    """
    cfg, base = config(name), config('pretrain_third.py')
    assert iterations(name) == (1792 // (1 + ('half' in name)), 16)
    assert cfg.optim_wrapper == base.optim_wrapper and cfg.model.cls_head == base.model.cls_head
    assert cfg.model.backbone == base.model.backbone
    schedule = cfg.param_scheduler[0]
    assert (schedule.warmup / cfg.train_cfg.max_epochs, schedule.T_max) == (
        pytest.approx(0.1),
        cfg.train_cfg.max_epochs,
    )
    recipe = name.removeprefix('pretrain_').removesuffix('.py')
    heads = {head for head, spec in cfg.model.get('aux_heads', {}).items() if spec}
    assert heads == LOSSES.get(recipe, set())
    if heads:
        assert set(cfg.train_dataloader.dataset.targets) == heads
        steps = [
            step
            for step in cfg.train_dataloader.dataset.pipeline
            if step.type not in ('TrackGeometry', 'LoadTargets')
        ]
        assert steps[:-1] == base.train_dataloader.dataset.pipeline[:-1]
    MODELS.build(cfg.model)


def test_equal_finetuning():
    plain, star = config('finetune.py'), config('finetune_star.py')
    assert iterations('finetune.py') == iterations('finetune_star.py') == (416, 16)
    assert (
        plain.optim_wrapper == star.optim_wrapper and plain.param_scheduler == star.param_scheduler
    )
    files = [plain[f'{split}_dataloader'].dataset.ann_file for split in ('train', 'val', 'test')]
    assert [Path(file).stem for file in files] == [
        'EPIC_100_train',
        'EPIC_100_validation',
        'EPIC_100_test',
    ]


def test_seeds_train_on_other_clips(monkeypatch):
    kept = []
    for seed in '01':
        monkeypatch.setenv('STUDY_SEED', seed)
        kept.append(
            (
                set(config('finetune.py').train_dataloader.dataset.indices),
                set(config('pretrain_third.py').train_dataloader.dataset.indices),
            )
        )
    assert [[len(rows) for rows in pair] for pair in kept] == [[208, 448]] * 2
    assert kept[0][0] != kept[1][0] and kept[0][1] != kept[1][1]


def test_real_data_on_a_cluster():
    plan = plan_of('real_data.py', seeds=[0, 1])
    assert plan.cells == CELLS
    assert all(
        step.command[:2] in (('bash', 'tools/dist_train.sh'), ('bash', 'tools/dist_test.sh'))
        for step in plan.steps.values()
    )
    star = plan.step('egoexo_star', 1, 'epic')
    assert star.config == 'configs/finetune/epic100/egoexo_star_slowfast_r50_epic100.py'
    assert (
        'load_from=/study/pretrain/egoexo/seed1/epoch_200.pth' in star.command
        and '--resume' not in star.command
    )
    assert (
        'load_from=/study/pretrain/egoexo/seed1/epoch_200.pth' not in star.resume
        and '--resume' in star.resume
    )
    assert plan.step('egoexo', 1, 'pretrain') is plan.step('egoexo_star', 1, 'pretrain')
    only = plan.step('ego_score', 0, 'pretrain').command
    assert 'model.aux_heads.object_score=' in only and 'model.aux_heads.ego_score=' not in only
    assert 'train_dataloader.dataset.targets.ego_score=/study/extract/ego_score/store' in only
    # the Ego-Score teacher starts from the baseline of seed 0, which is trained once
    names = [step.name for step in plan.steps.values()]
    assert (
        plan.steps['teachers/ego'].needs == ('pretrain/third/seed0',)
        and names.count('ego_teacher') == 1
    )
    assert len([key for key in plan.steps if key.startswith('pretrain/third/')]) == 2
