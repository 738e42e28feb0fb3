"""The evidence study: its cells, in which order, with equal steps; nothing of the third changes."""

from pathlib import Path

import pytest
import torch
from mmaction.registry import DATASETS, MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config

import study.modules  # noqa: F401
from study.plan import make_plan
from study.tests.toy_study import ROOT

EVIDENCE = sorted((ROOT / 'configs' / 'miniworld' / 'evidence').glob('*.py'))
TEN = (
    'third_only egoexo egoexo_star ego_score object_score interaction_map third_only_10 '
    'third_only_25 third_only_50 egoexo_10 egoexo_25 egoexo_50'
).split()
FIVE = (
    'ego_object ego_map object_map scratch third_half ego_only third_ego third_only_twice '
    'egoexo_twice scratch_all_steps simsiam viewpoint_labels viewpoint '
    'vit_third_only vit_egoexo vit_egoexo_star'
).split()
USED = (0, 1, 2, 3)  # seeds of worlds that settings were chosen in, or that were reported


@pytest.fixture(autouse=True)
def at_the_root(monkeypatch):
    monkeypatch.chdir(ROOT)


def config(name):
    return Config.fromfile(ROOT / 'configs' / 'miniworld' / name)


def evidence(name):
    return config(f'evidence/{name}')


@pytest.fixture(scope='module')
def plan():
    """Seed 0 of the full study: every seed reads its configs again, which takes seconds."""
    cfg = Config.fromfile(ROOT / 'configs/study/evidence.py')
    return make_plan(cfg, Path('/study'), seeds=[0])


def test_a_new_world_and_the_length_of_the_third_study(plan):
    command = plan.steps['world'].command
    assert int(command[command.index('--seed') + 1]) not in USED
    assert {'--size', 'full'} <= set(command)
    third = make_plan(
        Config.fromfile(ROOT / 'configs/study/miniworld.py'),
        Path('/study'),
        seeds=[0],
        cells=['egoexo'],
    )
    for key in ('pretrain/egoexo/seed0', 'teachers/detector', 'finetune/egoexo/seed0'):
        ours, theirs = plan.steps[key], third.steps[key]
        assert (ours.command, ours.config) == (theirs.command, theirs.config)
        assert ours.env.items() >= theirs.env.items()


def test_seeds_and_turns(plan):
    cells = plan.cfg.cells
    seeds = {name: len(cell.get('seeds', plan.cfg.seeds)) for name, cell in cells.items()}
    assert seeds == {name: 10 if name in TEN else 5 for name in (*TEN, *FIVE)}
    order = [cell for cell, _ in plan.runs]
    assert order[:2] == ['third_only', 'egoexo'] and order[-3:] == FIVE[:3]
    turns = [cells[cell].turn for cell in order]
    assert turns == sorted(turns) and turns[2] > turns[1]


def test_shares_repeat_fine_tuning_alone(plan):
    for line in ('third_only', 'egoexo'):
        full = plan.step(line, 0, 'pretrain')
        for percent in ('10', '25', '50'):
            cell = f'{line}_{percent}'
            assert plan.step(cell, 0, 'pretrain') is full
            assert plan.step(cell, 0, 'finetune').env['STUDY_PERCENT'] == percent
            expected = f'third_only_{percent}' if line == 'egoexo' else None
            assert plan.baseline(cell) == expected


def test_viewpoint_distillation(plan):
    student = plan.step('viewpoint', 0, 'pretrain')
    assert student.config == 'configs/miniworld/viewpoint/pretrain_viewpoint.py'
    assert set(student.needs) == {'world', 'extract/step_store'}
    teacher = plan.steps['teachers/third']
    assert teacher.config == 'configs/miniworld/pretrain_third.py'
    tuned = ' '.join(plan.step('viewpoint_labels', 0, 'finetune').command)
    assert 'load_from=/study/pretrain/viewpoint_labels/seed0/epoch_56.pth' in tuned
    assert plan.step('viewpoint', 0, 'probe').config.endswith('evidence/probes.py')


def test_every_number_has_its_step(plan):
    names = {step.name for step in plan.steps.values()}
    assert {spec.step for spec in plan.cfg.measures.values()} <= names
    cells = {cell for shares in plan.cfg.data_curve.curves.values() for cell in shares.values()}
    for spec in plan.cfg.reading:
        cells |= {*spec.get('cells', ()), spec.get('against', 'egoexo')}
    assert cells <= set(plan.cells) and len(plan.cfg.reading) == 5


def test_short_form():
    cfg = Config.fromfile(ROOT / 'configs/study/evidence_short.py')
    plan = make_plan(cfg, Path('/study'))
    assert '16' in plan.step('egoexo', 0, 'pretrain').env['STUDY_EPOCHS']
    names = {step.name for step in plan.steps.values()}
    assert {'world', 'records', 'pretrain', 'finetune', 'test', 'probe', 'maps'} <= names
    assert len(plan.runs) == 4


@pytest.mark.parametrize('path', EVIDENCE, ids=lambda path: path.stem)
def test_configs_build(path):
    """As many iterations of 16 clips as in the third study, and the losses that the name says."""
    cfg = Config.fromfile(path)
    model = MODELS.build(cfg.model)
    losses = dict(
        pretrain_ego_object={'ego_score', 'object_score'},
        pretrain_ego_map={'ego_score', 'interaction_map'},
        pretrain_object_map={'object_score', 'interaction_map'},
        pretrain_egoexo_vit={'ego_score', 'object_score', 'interaction_map'},
        finetune_star_vit={'interaction_map'},
    ).get(path.stem, set())
    assert set(getattr(model, 'aux_heads', ())) == losses
    targets = cfg.train_dataloader.dataset.get('targets') or {}
    assert {name for name, store in targets.items() if store} == losses
    if not path.stem.startswith(('pretrain', 'finetune')):
        return
    clips = 448 if path.stem.startswith('pretrain') and 'simsiam' not in path.stem else 208
    iterations = cfg.train_cfg.max_epochs * (clips // cfg.train_dataloader.batch_size)
    expected = dict(finetune_twice=832, finetune_all_steps=2210, pretrain_simsiam=1781)
    usual = 1792 if path.stem.startswith('pretrain') else 416
    assert iterations == expected.get(path.stem, usual)
    assert cfg.param_scheduler[0].T_max == cfg.train_cfg.max_epochs


def test_a_share_is_of_the_clips_of_the_seed(monkeypatch):
    monkeypatch.setenv('STUDY_SEED', '3')
    monkeypatch.setenv('STUDY_PERCENT', '25')
    share, full = (
        cfg.train_dataloader.dataset
        for cfg in (evidence('finetune_share.py'), config('finetune.py'))
    )
    assert share.rows == full.indices and (share.percent, share.share_seed) == (25, 3)
    assert 'indices' not in share and DATASETS.get(share.type).__name__ == 'EpicShareDataset'
    assert share.pipeline == full.pipeline and share.ann_file == full.ann_file


@pytest.mark.parametrize(
    'name, channels, width', [('probes.py', 64, 80), ('probes_vit.py', 96, 96)]
)
def test_features_of_both_students(name, channels, width):
    """Maps of 4 x 6 x 6 cells, their frames, and what the class head sees."""
    model = MODELS.build(evidence(name).model).eval()
    samples = [ActionDataSample() for _ in range(2)]
    with torch.no_grad():
        found = model.predict(torch.randn(2, 1, 3, 8, 48, 48), samples)
    assert found[1].feature_map.shape == (channels, 4, 6, 6) and found[1].feature.shape == (width,)
    assert found[0].map_frames.shape == (4,) and found[0].map_frames.max() < 8


def test_tokens_of_the_stem_lie_as_those_of_patches():
    """A change in the last frames' lower left corner reaches the tokens there, and no far one."""
    stem = MODELS.build(evidence('pretrain_third_vit.py').model).eval().backbone.patch_embed
    clip = torch.zeros(1, 3, 8, 48, 48)
    other = clip.clone()
    other[:, :, 7, 44:, :4] = 5
    with torch.no_grad():
        (before, grid), (after, _) = stem(clip), stem(other)
    changed = (before != after).any(-1).reshape(grid)
    assert grid == (4, 6, 6) and changed[3, 5, 0]
    assert not changed[:2].any() and not changed[:, :3].any() and not changed[:, :, 3:].any()
