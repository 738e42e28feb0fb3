"""DrawMapsHook: what it draws, and that training does not notice it."""

from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmaction.registry import DATASETS, MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.runner import Runner

import egoexo_mm  # noqa: F401
from egoexo_mm.datasets.transforms import LoadTargets
from egoexo_mm.engine import DrawMapsHook
from egoexo_mm.engine.draw_maps_hook import _evaluating
from egoexo_mm.interaction_maps import MapGeometry
from egoexo_mm.targets import TargetStore
from egoexo_mm.visualization.map_comparison import ComparedMaps, comparison_sheet
from tests.models.backbone_cases import CASES, build
from tests.teachers.tiny_detector import write_weights
from tests.tiny import CONFIG, make_data
from tests.training.runs import train as run

ONLINE = Path(__file__).parents[1] / 'data' / 'tiny_online.py'
HOOK = dict(type='DrawMapsHook', num_clips=2)
LOCAL = dict(num_workers=0, persistent_workers=False)


def config(root, work_dir, hook=HOOK, epochs=2):
    cfg = Config.fromfile(CONFIG)
    data = dict(ann_file=str(root / 'list.txt'), data_prefix=dict(video=str(root / 'videos')))
    loader = cfg.train_dataloader
    loader.update(batch_size=2, **LOCAL)
    loader.dataset.update(data)
    loader.dataset.targets = {name: str(root / 'targets' / name) for name in loader.dataset.targets}
    for pathway in ('slow_pathway', 'fast_pathway'):
        cfg.model.backbone[pathway].norm_eval = False  # statistics that a forward pass would change
    cfg.model.cls_head.dropout_ratio = 0.5  # random numbers of the model
    cfg.val_dataloader = cfg.val_cfg = cfg.val_evaluator = None
    cfg.test_dataloader = cfg.test_cfg = cfg.test_evaluator = None
    cfg.custom_hooks = [*cfg.custom_hooks, *([hook] if hook else [])]
    cfg.train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=epochs)
    cfg.work_dir, cfg.experiment_name = str(work_dir), work_dir.name
    cfg.log_level = 'ERROR'
    return cfg


def train(cfg):
    runner = Runner.from_cfg(cfg)
    runner.train()
    return runner


def weights(work_dir, epoch=2):
    state = torch.load(work_dir / f'epoch_{epoch}.pth', weights_only=False)
    return state['state_dict'], state['optimizer']['state']


def pictures(work_dir):
    return {
        path.stem: cv2.imread(str(path))[..., ::-1]
        for path in sorted(work_dir.glob('*/vis_data/vis_image/*.png'))
    }


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp('data')
    make_data(root, 4)
    return root


@pytest.fixture(scope='module')
def drawn(data, tmp_path_factory):
    """A run with pictures: its work dir, its runner and the rows of each picture."""
    rows, work_dir = [], tmp_path_factory.mktemp('drawn')
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            'egoexo_mm.engine.draw_maps_hook.comparison_sheet',
            lambda shown, *args: rows.append(shown) or comparison_sheet(shown, *args),
        )
        runner = train(config(data, work_dir))
    return SimpleNamespace(work_dir=work_dir, runner=runner, rows=rows)


def test_training_is_not_changed_by_a_bit(data, drawn, tmp_path):
    train(config(data, tmp_path / 'plain', hook=None))
    (own, momentum), (plain, plain_momentum) = weights(drawn.work_dir), weights(tmp_path / 'plain')
    assert own.keys() == plain.keys()
    assert any('running_mean' in name for name in own)
    assert all(torch.equal(own[name], plain[name]) for name in own)
    assert all(
        torch.equal(momentum[i]['momentum_buffer'], plain_momentum[i]['momentum_buffer'])
        for i in plain_momentum
    )
    assert (
        pictures(drawn.work_dir).keys() == {'maps_1', 'maps_2'}
        and pictures(tmp_path / 'plain') == {}
    )


def test_a_resumed_run_draws_the_same(data, drawn, tmp_path):
    cfg = config(data, tmp_path / 'resumed')
    cfg.load_from, cfg.resume = str(drawn.work_dir / 'epoch_1.pth'), True
    train(cfg)
    found, expected = pictures(tmp_path / 'resumed'), pictures(drawn.work_dir)
    assert found.keys() == {'maps_2'}
    assert np.array_equal(found['maps_2'], expected['maps_2'])


def test_what_is_drawn(data, drawn):
    """Targets are those of the store on the frame that is shown, predictions the student's."""
    first, rows = drawn.rows
    assert [row.caption for row in rows] == ['clip_1', 'clip_3']  # the middles of two halves of 4
    hook = next(hook for hook in drawn.runner.hooks if isinstance(hook, DrawMapsHook))
    model, sample = drawn.runner.model, hook._samples[0]
    # 16 frames -> maps of 4, at frames 0, 5, 10, 15 of the clip; the third is drawn
    assert np.array_equal(rows[0].frame, sample['inputs'][0, :, 10].permute(1, 2, 0).numpy())
    target = sample['data_samples'].interaction_map
    assert target.shape == (2, 4, 2, 2) and np.array_equal(rows[0].target, target[:, 2].numpy())
    store = TargetStore(data / 'targets' / 'interaction_map')
    best = store.detections('clip_1', [10])  # a clip of testing begins at the start
    assert target[:, 2].max() == pytest.approx(float(best.score.max()), abs=1e-3)
    with _evaluating(model), torch.no_grad():
        inputs = model.data_preprocessor(
            dict(inputs=[sample['inputs']], data_samples=[sample['data_samples']]), False
        )['inputs']
        logits = model.aux_predictions(inputs, 'interaction_map')
    assert torch.equal(torch.from_numpy(rows[0].predicted), logits[0, :, 2].sigmoid())
    assert model.training and model.backbone.training
    for before, after in zip(first, rows):
        assert np.array_equal(before.frame, after.frame)
        assert np.array_equal(before.target, after.target)
        assert not np.array_equal(before.predicted, after.predicted)


def test_sheet():
    frame = np.full((64, 64, 3), 200, np.uint8)
    target = np.zeros((2, 2, 2))
    target[0, 0, 0] = 1  # hand, top left
    row = ComparedMaps('clip', frame, target, np.zeros((2, 2, 2)))
    sheet = comparison_sheet([row, row._replace(target=None)], 'title', short_side=64)
    # frame and 2 kinds x (target, predicted), 4 pixels apart; 2 lines, then caption and row twice
    assert sheet.shape == (2 * 20 + 2 * (20 + 64), 5 * 64 + 4 * 4, 3)
    hand = sheet[60:124, 68:132]
    # 0.85 of (86, 180, 233) over 0.6 * 200 = 120
    assert hand[5, 5].tolist() == [91, 171, 216]  # 0.85 * (86, 180, 233) + 0.15 * 120
    assert hand[60, 60].tolist() == [120] * 3
    assert len(np.unique(sheet[144:, 68:132].reshape(-1, 3), axis=0)) == 1  # no target


def test_a_broken_video_is_left_out(data, drawn, tmp_path):
    cfg = config(data, tmp_path).train_dataloader.dataset
    (tmp_path / 'list.txt').write_text('clip_0.mp4 0\nno_such_file.mp4 1\nclip_2.mp4 0\n')
    cfg.update(ann_file=str(tmp_path / 'list.txt'), missing_targets='skip')
    warnings = []
    runner = SimpleNamespace(
        train_dataloader=SimpleNamespace(dataset=DATASETS.build(cfg)),
        seed=0,
        logger=SimpleNamespace(warning=warnings.append),
    )
    samples = DrawMapsHook(num_clips=3)._take(runner)
    assert [sample['data_samples'].video_id for sample in samples] == ['clip_0', 'clip_2']
    (warning,) = warnings
    assert 'row 1 cannot be drawn' in warning and 'no_such_file.mp4' in warning


def test_views_of_a_test_pipeline(data, drawn):
    """The first of the views that ``FormatViews`` leaves to the model."""
    dataset = Config.fromfile(CONFIG).test_dataloader.dataset
    dataset.update(ann_file=str(data / 'list.txt'), data_prefix=dict(video=str(data / 'videos')))
    hook, model = DrawMapsHook(num_clips=1, data=dataset.to_dict()), drawn.runner.model
    (sample,) = hook._take(SimpleNamespace(seed=0))
    whole = DATASETS.build(dataset)[2]
    frames, (x1, y1, x2, y2) = whole['inputs']['frames'], whole['inputs']['crops'][0]
    first = frames[whole['inputs']['clip_frames'][0], y1:y2, x1:x2]
    assert torch.equal(sample['inputs'][0].permute(1, 2, 3, 0), first)
    with _evaluating(model), torch.no_grad():
        row = hook._row(model, sample)
        views = model.data_preprocessor(pseudo_collate([whole]), False)['inputs']
        expected = model.aux_predictions(views, 'interaction_map')[0].sigmoid()
    np.testing.assert_allclose(row.predicted, expected[:, 2].numpy(), rtol=1e-5)
    assert row.target is None and any(np.array_equal(row.frame, one) for one in first.numpy())


def test_an_error_of_drawing_does_not_end_training(drawn):
    warnings = []
    hook = DrawMapsHook()
    hook._samples = [dict(inputs=torch.zeros(1, 3, 16, 64, 64))]
    logger = SimpleNamespace(warning=warnings.append)
    hook._draw(SimpleNamespace(model=drawn.runner.model, logger=logger), 3)
    assert warnings == [
        "DrawMapsHook: no picture of epoch 3 (KeyError: 'data_samples'); training goes on"
    ]


@pytest.mark.parametrize('by_epoch, expected', [(True, [2, 4]), (False, [2, 4, 6, 8])])
def test_when_it_draws(monkeypatch, by_epoch, expected):
    """In four epochs of two iterations."""
    steps = []
    monkeypatch.setattr(DrawMapsHook, '_draw', lambda self, runner, step: steps.append(step))
    hook, runner = DrawMapsHook(interval=2, by_epoch=by_epoch), SimpleNamespace(epoch=0, iter=0)
    for runner.epoch in range(4):
        for batch in range(2):
            runner.iter = 2 * runner.epoch + batch
            hook.after_train_iter(runner, batch)
        hook.after_train_epoch(runner)
    assert steps == expected


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(num_clips=0), 'must be 1 or more'),
        (dict(data='test'), "must be 'train', 'val' or the config"),
    ],
)
def test_options(options, message):
    with pytest.raises(ValueError, match=message):
        DrawMapsHook(**options)


def test_a_model_without_the_head_is_refused():
    class Model(torch.nn.Module):
        aux_heads = {'ego_score': None}

    runner = SimpleNamespace(model=Model(), val_loop=None)
    with pytest.raises(ValueError, match=r"no 'interaction_map' \(it has ego_score\)"):
        DrawMapsHook().before_train(runner)
    DrawMapsHook(head='ego_score').before_train(runner)
    with pytest.raises(ValueError, match="this run has no validation; set data='train'"):
        DrawMapsHook(head='ego_score', data='val').before_train(runner)


@pytest.mark.slow
def test_two_processes(data, tmp_path):
    """The first process draws, the other one does not hang, and both train as without pictures."""
    states = []
    for name, hooks in (('plain', []), ('drawn', [HOOK])):
        (tmp_path / f'{name}.py').write_text(
            f'_base_ = {CONFIG!r}\n'
            f'custom_hooks = {[dict(type="SampleSeedHook"), *hooks]}\n'
            'val_cfg = val_dataloader = val_evaluator = None\n'
        )
        run(
            tmp_path / f'{name}.py',
            tmp_path / name,
            'train_dataloader.batch_size=2',
            procs=2,
            TINY_DATA=str(data),
        )
        states.append(weights(tmp_path / name)[0])
    plain, own = states
    assert all(torch.equal(own[name], plain[name]) for name in plain)
    assert pictures(tmp_path / 'drawn').keys() == {'maps_1', 'maps_2'}


@pytest.mark.parametrize('name', ['VideoMAE', 'TSM'])
def test_other_backbones(name):
    """The frame is the one that the middle map shows; a 2D recognizer has frames in the batch."""
    case = CASES[name]
    model = build(case.ours()).eval()
    clip = torch.randint(0, 256, (1, 3, case.frames, case.size, case.size), dtype=torch.uint8)
    inputs = clip[0].transpose(0, 1) if case.frames_in_batch else clip
    (sample,) = case.samples(model, 1)
    row = DrawMapsHook()._row(model, dict(inputs=inputs, data_samples=sample))
    shown = model.map_geometry().frames(case.frames)
    middle = len(shown) // 2
    assert np.array_equal(row.frame, clip[0, :, shown[middle]].permute(1, 2, 0).numpy())
    assert np.array_equal(row.target, sample.interaction_map[:, middle].numpy())
    assert row.predicted.shape == row.target.shape and 0 < row.predicted.min() < 1


def test_targets_of_online_teachers(tmp_path, monkeypatch):
    monkeypatch.setenv('TINY_DETECTOR', str(write_weights(tmp_path / 'tiny.pth')))
    model = MODELS.build(Config.fromfile(ONLINE).model)
    model.init_weights()
    clip = torch.randint(0, 256, (1, 3, 16, 64, 64), dtype=torch.uint8)
    data_sample = ActionDataSample().set_gt_label(0)
    with torch.no_grad():
        row = DrawMapsHook()._row(model, dict(inputs=clip, data_samples=data_sample))
        (target,) = model.teachers.built['interaction_map'].targets(clip.float())
    assert np.array_equal(row.target, target[:, 2].numpy()) and 'interaction_map' not in data_sample


class Strided(torch.nn.Module):
    """A model that says which frames its maps show."""

    def map_geometry(self, head):
        return MapGeometry(4, 'stride', 32)


def test_the_model_tells_its_own_data_set():
    """A data set for the pictures alone, whose ``LoadTargets`` may say nothing of the maps."""
    runner = SimpleNamespace(model=Strided())
    steps = [
        LoadTargets(),
        LoadTargets(time_stride=4, frame_sampling='linspace', cell_size=32, join_clips=False),
    ]
    told = [DrawMapsHook()._told(runner, step).geometry.frame_sampling for step in steps]
    assert told == ['stride', 'linspace']
    assert steps[0].geometry.frame_sampling == 'linspace'  # that of training stays as it is
