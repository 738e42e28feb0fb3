"""Takes of several cameras, and the study of viewpoint distillation."""

import functools
from pathlib import Path

import numpy as np
import pytest
from mmaction.registry import DATASETS
from mmengine.config import Config

import study.modules  # noqa: F401
from egoexo_mm.video import open_frames
from study.plan import make_plan
from study.tests.toy_study import ROOT
from study.world import takes
from study.world.clips import render_clip

TIMES = np.array([0.5])


def test_cameras_see_one_scene():
    """Views of other cameras differ; without a number it is the clip as it always was."""
    render = functools.partial(render_clip, [5, 1, 0], 2, 3, style='home', paired=True, times=TIMES)
    third, same, other = (
        render(view='third', **camera).frames for camera in ({}, dict(camera=0), dict(camera=2))
    )
    assert (third == same).all() and (third != other).mean() > 0.5
    # the wall and the clothes of the scene: the pictures share their most common colours
    mean = [frames.reshape(-1, 3).mean(0) for frames in (third, other)]
    assert np.abs(mean[0] - mean[1]).max() < 60


@pytest.fixture(scope='module')
def root(tmp_path_factory):
    """One take, of one frame a clip."""
    path = tmp_path_factory.mktemp('takes')
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(takes.TAKES, 'small', 1)
        patch.setattr(takes, 'render_clip', functools.partial(render_clip, times=TIMES))
        assert takes.make_takes(path, size='small', seed=3) == 8
    return path


def test_layout_of_ego_exo4d(root):
    options = dict(
        type='EgoExo4DKeystepDataset',
        ann_file=str(root / 'keystep_segment_train.json'),
        label_mapping=str(root / 'label_mapping.csv'),
        data_prefix=dict(video=str(root / 'clips')),
        pipeline=[],
    )
    ego, exo = (DATASETS.build(dict(options, views=views)) for views in ('ego', 'exo'))
    assert (len(ego), len(exo)) == (2, 6) and len(ego.metainfo['classes']) == 48
    assert {row['take_uid'] for row in exo} == {'uid-take_000'}
    assert [row['label'] for row in exo] == [label for row in ego for label in [row['label']] * 3]
    pictures = {np.stack(open_frames(row['filename']).get_batch([0])).tobytes() for row in exo}
    assert len(pictures) == 6


def test_a_take_that_exists_is_kept(root):
    clip = next(root.rglob('*cam01.mp4'))
    before = clip.stat().st_mtime_ns
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(takes.TAKES, 'small', 1)
        patch.setattr(takes, 'render_clip', None)
        takes.make_takes(root, size='small', seed=3)
    assert clip.stat().st_mtime_ns == before


def test_study(monkeypatch):
    monkeypatch.chdir(ROOT)
    plan = make_plan(Config.fromfile('configs/study/viewpoint.py'), Path('/study'), seeds=[0, 1])
    assert plan.cells == ['third_only', 'egoexo', 'viewpoint_labels', 'viewpoint']
    keys = [
        key for key in plan.steps if key.startswith(('takes', 'teachers/third', 'extract/step'))
    ]
    assert keys == ['takes', 'teachers/third', 'extract/step', 'extract/step_store']
    student = plan.step('viewpoint', 1, 'pretrain')
    assert 'extract/step_store' in student.needs
    tuned = ' '.join(plan.step('viewpoint', 1, 'finetune').command)
    assert 'load_from=/study/pretrain/viewpoint/seed1/epoch_56.pth' in tuned
    labels = plan.step('viewpoint_labels', 1, 'pretrain')
    assert 'takes' in labels.needs and 'extract/step_store' not in labels.needs


def test_cells_of_the_other_study_are_as_they_were(monkeypatch):
    """Steps that both studies have are the same steps."""
    monkeypatch.chdir(ROOT)
    ours, theirs = (
        make_plan(
            Config.fromfile(f'configs/study/{name}.py'), Path('/study'), seeds=[1], cells=cells
        )
        for name, cells in (
            ('viewpoint', ['third_only', 'egoexo']),
            ('miniworld', ['third_only', 'egoexo']),
        )
    )
    shared = ours.steps.keys() & theirs.steps.keys()
    assert len(shared) == len(ours.steps)
    for key in shared:
        assert ours.steps[key].fingerprint == theirs.steps[key].fingerprint


def test_student_has_the_iterations_of_the_others(monkeypatch):
    monkeypatch.chdir(ROOT)
    cfg = Config.fromfile('configs/miniworld/viewpoint/pretrain_viewpoint.py')
    third, own = cfg.train_dataloader.dataset.datasets
    clips = len(third.indices) + takes.SEGMENTS * takes.TAKES['full']
    assert cfg.train_cfg.max_epochs * (clips // cfg.train_dataloader.batch_size) == 1792
    assert list(own.targets) == ['step'] and 'targets' not in third
