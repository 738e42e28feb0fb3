"""The converter as a command: files in, files out, one sentence on bad input."""

import hashlib
import json
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.scripts import load_script

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / 'tests' / 'data' / 'golden'


tool = load_script('tools/convert_pyslowfast.py')


def tiny_state(case='k400_slowfast_r50'):
    """The reference's names with an eighth of every channel count, classes kept."""
    shapes = json.loads((GOLDEN / f'{case}.json').read_text())['shapes']
    generator = torch.Generator().manual_seed(3)
    state = {}
    for key, shape in shapes.items():
        small = [
            d if i > 1 or d < 8 or (i == 0 and key.startswith('head')) else d // 8
            for i, d in enumerate(shape)
        ]
        state[key] = (
            torch.tensor(17)
            if key.endswith('num_batches_tracked')
            else torch.rand(small, generator=generator)
        )
    return state


@pytest.fixture
def pyth(tmp_path):
    """A file as PySlowFast's training writes it."""
    path = tmp_path / 'in.pyth'
    torch.save(
        {
            'epoch': 199,
            'model_state': tiny_state(),
            'cfg': 'TRAIN: {}',
            'optimizer_state': {'state': {}, 'param_groups': [{'lr': 0.1}]},
        },
        path,
    )
    return path


def run(*args):
    tool.main([str(arg) for arg in args])


def fails(capsys, *args):
    """The one line that the command ends with; nothing of it may be left behind."""
    folder = Path(args[1]).parent
    before = sorted(folder.iterdir()) if folder.is_dir() else None
    with pytest.raises(SystemExit) as stop:
        run(*args)
    assert (sorted(folder.iterdir()) if folder.is_dir() else None) == before
    assert isinstance(stop.value.code, str)
    assert '\n' not in stop.value.code
    return stop.value.code


def test_forward_and_back_are_bit_identical(pyth, tmp_path, capsys):
    out, back = tmp_path / 'out.pth', tmp_path / 'back.pyth'
    run(pyth, out)
    printed = capsys.readouterr().out
    run(out, back, '--reverse')

    converted = torch.load(out, weights_only=True)
    assert converted.keys() == {'state_dict', 'meta'}
    assert converted['meta'] == {
        'converted_from': 'in.pyth',
        'sha256': hashlib.sha256(pyth.read_bytes()).hexdigest(),
    }
    first = {key.split('.')[0] for key in converted['state_dict']}
    assert first == {'backbone', 'cls_head', 'aux_heads'}

    returned, given = torch.load(back, weights_only=True)['model_state'], tiny_state()
    assert returned.keys() == given.keys()
    assert all(torch.equal(returned[key], given[key]) for key in given)
    assert {p.name for p in tmp_path.iterdir()} == {'in.pyth', 'out.pth', 'back.pyth'}

    learnt = sum(
        value.numel()
        for key, value in given.items()
        if key.rpartition('.')[2] in ('weight', 'bias')
    )
    assert printed.splitlines() == [
        f'SlowFast, R50, blocks 3-4-6-3: 670 tensors, {learnt:,} parameters',
        'heads: cls_head.fc_cls (400), aux_heads.ego_score.fc (2), '
        'aux_heads.object_score.fc (1000), aux_heads.interaction_map.conv (64), '
        'aux_heads.interaction_map.conv_map (2)',
        'settings: type=ResNet3dSlowFast, channel_ratio=8; slow_pathway: lateral_norm=True, '
        'fusion_kernel=7, inflate=(0, 0, 1, 1); fast_pathway: inflate=(1, 1, 1, 1)',
        'the weights do not tell alpha: resample_rate=speed_ratio=4 for 8x8 models (32 frames), '
        '8 for 4x16 models',
        'config: configs/egoexo_slowfast_k400.py with these settings',
        f'wrote {out}',
    ]


def test_slow_and_task(tmp_path, capsys):
    state = {
        key: value
        for key, value in tiny_state('k400_slow_r50').items()
        if not key.startswith(('head', 'hand'))
    }
    state.update(
        {
            'headcharades-ego.projection.weight': torch.rand(157, 256),
            'headcharades-ego.projection.bias': torch.rand(157),
        }
    )
    pyth, out, back = (tmp_path / name for name in ('in.pyth', 'out.pth', 'back.pyth'))
    torch.save({'model_state': state}, pyth)
    run(pyth, out)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith('Slow, R50, blocks 3-4-6-3: ')
    assert lines[1:4] == [
        'heads: cls_head.fc_cls (157), of task charades-ego',
        'settings: type=ResNet3dSlowOnly, inflate=(0, 0, 1, 1)',
        'config: configs/slowonly_k400.py with these settings',
    ]
    run(out, back, '--reverse', '--task', 'charades-ego')
    returned = torch.load(back, weights_only=True)['model_state']
    assert returned.keys() == state.keys()
    assert all(torch.equal(returned[key], state[key]) for key in state)


def test_files_of_old_pytorch_are_read(tmp_path):
    """The reference code ran on PyTorch 1.5, before the zip format."""
    pyth = tmp_path / 'in.pyth'
    torch.save(
        {'model_state': tiny_state('k400_slow_r50')}, pyth, _use_new_zipfile_serialization=False
    )
    run(pyth, tmp_path / 'out.pth')
    converted = torch.load(tmp_path / 'out.pth', weights_only=True)
    assert len(converted['state_dict']) == 328


def test_as_a_command(pyth, tmp_path):
    command = [sys.executable, str(ROOT / 'tools' / 'convert_pyslowfast.py')]
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    done = subprocess.run(
        [*command, pyth, tmp_path / 'out.pth'], env=env, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f'wrote {tmp_path / "out.pth"}'


class RunsCode:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return eval, (f'open({str(self.path)!r}, "w").close()',)


@pytest.mark.parametrize(
    ('content', 'name', 'message'),
    [
        (None, 'in.pyth', 'is not a file; expected a PyTorch checkpoint'),
        (
            b'not a checkpoint',
            'in.pyth',
            'is damaged or not a PyTorch checkpoint; copy or download it',
        ),
        (b'', 'in.pyth', 'is damaged or not a PyTorch checkpoint'),
        (
            pickle.dumps({'blobs': {'conv1_w': np.ones(2)}}, protocol=2),
            'in.bin',
            'looks like a Caffe2 file; expected the PyTorch format (.pyth)',
        ),
        (b'\x80\x02}q\x00.', 'in.pkl', 'looks like a Caffe2 file'),
    ],
)
def test_unreadable_files(content, name, message, tmp_path, capsys):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    line = fails(capsys, tmp_path / name, tmp_path / 'out.pth')
    assert line.startswith(f'error: {tmp_path / name} {message}')


def test_a_truncated_file_is_refused(pyth, tmp_path, capsys):
    pyth.write_bytes(pyth.read_bytes()[:-5000])
    assert 'in.pyth is damaged or not a PyTorch checkpoint' in fails(capsys, pyth, tmp_path / 'out')


@pytest.mark.parametrize('zipped', [True, False])
def test_a_file_that_runs_code_is_refused(zipped, tmp_path, capsys):
    pyth = tmp_path / 'in.pyth'
    torch.save(
        {'model_state': RunsCode(tmp_path / 'ran')}, pyth, _use_new_zipfile_serialization=zipped
    )
    line = fails(capsys, pyth, tmp_path / 'out.pth')
    assert 'in.pyth needs ' in line and 'eval to be loaded, which could run code' in line
    assert not (tmp_path / 'ran').exists()


@pytest.mark.parametrize(
    ('checkpoint', 'message'),
    [
        ([1, 2], 'holds a list; expected a dict with the weights under `model_state`'),
        (
            {'state_dict': {}, 'meta': {}},
            'has no weights under `model_state` (found: meta, state_dict); expected a PySlowFast',
        ),
        ({'model_state': {}}, 'has no weights under `model_state` (found: model_state)'),
        ({'model_state': {3: torch.ones(1)}}, 'has no weights under `model_state`'),
        ({'model_state': {'blocks.0.attn.qkv.weight': torch.ones(1)}}, 'has no residual stage'),
    ],
)
def test_files_without_a_slowfast(checkpoint, message, tmp_path, capsys):
    pyth = tmp_path / 'in.pyth'
    torch.save(checkpoint, pyth)
    line = fails(capsys, pyth, tmp_path / 'out.pth')
    assert line.replace(f'{pyth}: ', f'{pyth} ').startswith(f'error: {pyth} {message}')


def test_an_incomplete_network_leaves_the_old_output_alone(tmp_path, capsys):
    pyth, out = tmp_path / 'in.pyth', tmp_path / 'out.pth'
    out.write_text('precious')
    torch.save(
        {
            'model_state': {
                key: value
                for key, value in tiny_state().items()
                if not key.startswith('s5.pathway1_res2')
            }
        },
        pyth,
    )
    line = fails(capsys, pyth, out)
    assert 'in.pyth: has 15 missing keys (s5.pathway1_res2.branch2.a.weight, ' in line
    assert out.read_text() == 'precious'


def test_nothing_is_left_when_writing_fails(pyth, tmp_path, capsys, monkeypatch):
    def full_disk(checkpoint, file):
        file.write(b'half')
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr(torch, 'save', full_disk)
    assert 'No space left on device' in fails(capsys, pyth, tmp_path / 'out.pth')


def test_destinations(pyth, tmp_path, capsys):
    line = fails(capsys, pyth, tmp_path / 'missing' / 'out.pth')
    assert 'missing is not a folder; make it' in line
    assert 'is a folder; expected the name of a file' in fails(capsys, pyth, tmp_path)


def test_the_task_belongs_to_the_way_back(pyth, tmp_path, capsys):
    with pytest.raises(SystemExit) as stop:
        run(pyth, tmp_path / 'out.pth', '--task', 'epic')
    assert stop.value.code == 2
    assert '--task is for --reverse' in capsys.readouterr().err
