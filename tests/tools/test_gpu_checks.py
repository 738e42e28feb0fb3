"""The runner of the GPU checks: limits, failures by name, the table."""

import json
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[2] / 'tools' / 'gpu_checks'
NAMES = ('main', 'runs', 'steps', 'report')


@pytest.fixture
def checks(monkeypatch):
    """Imports a module of the checks, and forgets it afterwards."""
    monkeypatch.syspath_prepend(str(FOLDER))
    yield __import__
    for name in NAMES:
        sys.modules.pop(name, None)


def step(checks, *commands, **options):
    run = [[sys.executable, '-c', code] for code in commands]
    return checks('steps').Step('a step', run, options.pop('limit', 60), **options)


@pytest.mark.parametrize(
    'commands, options, expected',
    [
        (['print(1)', 'print(2)'], {}, 'ok'),
        ([], {}, 'left out'),
        (
            ['print(1); raise ValueError("no such thing")', 'print(2)'],
            {},
            'failed: ValueError: no such thing; see log',
        ),
        (['import time; time.sleep(60)'], dict(limit=1), 'failed: not done after 1 s; see log'),
        (
            ['print("epoch: 1")'],
            dict(must_say='epoch: 2'),
            'failed: the log does not say "epoch: 2"; see log',
        ),
        (['print(1)'], dict(figures=[Path('/no/such/x.json')]), 'failed: wrote no x.json; see log'),
    ],
)
def test_what_a_step_comes_to(checks, tmp_path, commands, options, expected):
    found = step(checks, *commands, **options)
    assert checks('main').run(found, tmp_path / 'log', found.limit, {}) == expected


def test_table(checks, tmp_path):
    """MFU: 50 clips/s of two ranks x 4 GFLOP over 1 TFLOP/s is 10 %."""
    figures = tmp_path / 'figures'
    figures.mkdir()
    (figures / 'step_egoexo_slowfast_k400.json').write_text(
        json.dumps(
            dict(
                config='egoexo_slowfast_k400.py',
                gflop_per_clip=4,
                ceiling_tflops=1,
                failures=[],
                rows=[],
            )
        )
    )
    (figures / 'train.json').write_text(
        json.dumps(
            dict(
                kind='training',
                clips_per_s=50,
                ranks=2,
                waiting=0.25,
                peak_gib=3.5,
                syncs_per_step=0,
            )
        )
    )
    result = dict(name='train: x', result='ok', note='', figures=[str(figures / 'train.json')])
    text = checks('report').write([result], tmp_path)
    assert '| train: x | 50 | - | 10% | 3.5 | 25% | 0 | ok |' in text
    assert json.loads((tmp_path / 'table.json').read_text())['rows'][0]['clips/s'] == 50


def test_every_run_has_a_config_that_loads(checks, tmp_path):
    from mmengine.config import Config

    setting = checks('runs').Setting(tmp_path, gpus=2, seconds=5, workers=2)
    steps = checks('steps').plan(setting, 'cuda')
    names = [found.name for found in steps]
    assert {
        'doctor',
        'tests',
        'train: fp32',
        'train: --amp',
        'resume',
        'train online: bf16',
        'train: bf16, SyncBN',
    } <= set(names)
    for path in sorted((tmp_path / 'configs').glob('*.py')):
        cfg = Config.fromfile(path, import_custom_modules=False)
        assert str(tmp_path) in cfg.test_dataloader.dataset.ann_file
