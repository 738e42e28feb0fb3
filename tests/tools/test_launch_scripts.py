"""What the launch scripts start; runs through dist_train.sh and dist_test.sh: tests/training."""

import os
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / 'tools'


@pytest.fixture
def started(tmp_path):
    """Run a script with torchrun and srun replaced by programs that print how they were called."""
    for name in ('torchrun', 'srun'):
        stand_in = tmp_path / name
        stand_in.write_text(
            '#!/bin/sh\necho "PORT $MASTER_PORT"\nfor word in "$@"; do echo "$word"; done\n'
        )
        stand_in.chmod(0o755)

    def run(script, *args, **env):
        env = {'PATH': f'{tmp_path}{os.pathsep}{os.environ["PATH"]}', 'HOME': str(tmp_path), **env}
        done = subprocess.run(
            ['bash', str(TOOLS / script), *args],
            env=env,
            capture_output=True,
            text=True,
            cwd=tmp_path,
        )
        return done.stdout.splitlines() if done.returncode == 0 else done

    return run


def options(words):
    return dict(zip(words, words[1:]))


def test_dist_train(started):
    words = started(
        'dist_train.sh', 'my config.py', '8', '--resume', '--cfg-options', 'a=1', 'b="x y"'
    )
    got = options(words)
    assert (
        got['--nnodes'],
        got['--node_rank'],
        got['--nproc_per_node'],
        got['--master_addr'],
        got['--master_port'],
    ) == ('1', '0', '8', '127.0.0.1', '29500')
    at = words.index(str(TOOLS / 'train.py'))
    assert words[at + 1 :] == [
        'my config.py',
        '--launcher',
        'pytorch',
        '--resume',
        '--cfg-options',
        'a=1',
        'b="x y"',
    ]


def test_several_nodes(started):
    got = options(
        started(
            'dist_train.sh',
            'c.py',
            '8',
            NNODES='4',
            NODE_RANK='3',
            MASTER_ADDR='node0',
            PORT='12345',
        )
    )
    assert (got['--nnodes'], got['--node_rank'], got['--master_addr'], got['--master_port']) == (
        '4',
        '3',
        'node0',
        '12345',
    )


def test_dist_test(started):
    words = started('dist_test.sh', 'c.py', 'w.pth', '2', '--dump', 'out.pkl')
    assert options(words)['--nproc_per_node'] == '2'
    assert words[words.index(str(TOOLS / 'test.py')) + 1 :] == [
        'c.py',
        'w.pth',
        '--launcher',
        'pytorch',
        '--dump',
        'out.pkl',
    ]


@pytest.mark.parametrize(
    'script, target, given',
    [('slurm_train.sh', 'train.py', ['c.py']), ('slurm_test.sh', 'test.py', ['c.py', 'w.pth'])],
)
def test_slurm(started, script, target, given):
    words = started(
        script, 'part', 'job', *given, '--amp', GPUS='16', SRUN_ARGS='--time 1:00 -q high'
    )
    assert {
        '--job-name=job',
        '--gres=gpu:8',
        '--ntasks=16',
        '--ntasks-per-node=8',
        '--cpus-per-task=5',
        '--kill-on-bad-exit=1',
        '--time',
        '-q',
    } <= set(words)
    assert options(words)['-p'] == 'part'
    assert words[words.index(str(TOOLS / target)) + 1 :] == [*given, '--launcher', 'slurm', '--amp']
    assert 12000 <= int(words[0].removeprefix('PORT ')) < 32000


@pytest.mark.parametrize(
    'script', ['dist_train.sh', 'dist_test.sh', 'slurm_train.sh', 'slurm_test.sh']
)
def test_missing_arguments(started, script):
    assert started(script).returncode != 0


@pytest.mark.parametrize(
    'script, given',
    [
        ('dist_train.sh', ['c.py', '2']),
        ('dist_test.sh', ['c.py', 'w.pth', '2']),
        ('slurm_train.sh', ['part', 'job', 'c.py']),
        ('slurm_test.sh', ['part', 'job', 'c.py', 'w.pth']),
    ],
)
def test_cache_of_yapf_is_whole_before_the_ranks_start(started, tmp_path, script, given):
    started(script, *given, XDG_CACHE_HOME=str(tmp_path / 'cache'))
    tables = list((tmp_path / 'cache').rglob('Grammar*.pickle'))
    assert tables and all(table.stat().st_size > 1000 for table in tables)


def test_train_flags_reach_the_config():
    code = """
import sys
sys.argv = ["train.py", "tests/data/tiny_slowfast.py", "--amp", "--auto-scale-lr", "--seed", "7",
            "--deterministic", "--resume", "x.pth", "--no-validate",
            "--cfg-options", "train_cfg.max_epochs=5", "model.cls_head.num_classes=3"]
from tools import train
cfg = train.load_config(train.parse_args())
print([cfg.optim_wrapper.type, cfg.auto_scale_lr.enable, cfg.randomness.seed,
       cfg.randomness.deterministic, cfg.resume, cfg.load_from, cfg.val_cfg,
       cfg.train_cfg.max_epochs, cfg.model.cls_head.num_classes, cfg.work_dir])
"""
    done = subprocess.run([sys.executable, '-c', code], cwd=ROOT, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1:] == [
        "['AmpOptimWrapper', True, 7, True, True, 'x.pth', None, 5, 3, 'work_dirs/tiny_slowfast']"
    ], done.stderr


@pytest.mark.parametrize('option', [[], ['load_from=other.pth']])
@pytest.mark.parametrize(
    'files, resumes',
    [
        ({}, False),
        ({'best_acc.pth': ''}, False),
        ({'last_checkpoint': 'elsewhere/epoch_3.pth'}, True),
        ({'epoch_3.pth': 'damaged'}, True),  # which MMEngine's lookup then refuses
    ],
)
def test_resume_keeps_load_from_until_there_is_a_checkpoint(
    tmp_path, monkeypatch, files, resumes, option
):
    (tmp_path / 'config.py').write_text('load_from = "base.pth"\n')
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    options = ['--resume', '--cfg-options', f'work_dir={tmp_path}', *option]
    monkeypatch.setattr('sys.argv', ['train.py', str(tmp_path / 'config.py'), *options])
    monkeypatch.setenv('LOCAL_RANK', '0')
    tool = runpy.run_path(str(ROOT / 'tools' / 'train.py'))
    cfg = tool['load_config'](tool['parse_args']())
    expected = None if resumes else 'other.pth' if option else 'base.pth'
    assert (cfg.resume, cfg.load_from) == (resumes, expected)
