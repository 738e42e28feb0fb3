"""``python -m egoexo_mm``, ``egoexo_mm::`` configs and the model index, as a checkout has them."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.fileio import load
from mmengine.hub import get_config

import egoexo_mm  # noqa: F401
from egoexo_mm import __main__ as command
from egoexo_mm import shipped

ROOT = Path(__file__).parents[2]


def test_configs_of_the_package_as_a_base(tmp_path):
    (tmp_path / 'mine.py').write_text(
        "_base_ = ['egoexo_mm::egoexo_slowonly_k400.py']\nmodel = "
        'dict(cls_head=dict(num_classes=7))\n'
    )
    mine, ours = (
        Config.fromfile(tmp_path / 'mine.py'),
        Config.fromfile(ROOT / 'configs/egoexo_slowonly_k400.py'),
    )
    assert (
        mine.model.cls_head.pop('num_classes') == 7
        and ours.model.cls_head.pop('num_classes') == 400
    )
    assert mine._cfg_dict.to_dict() == ours._cfg_dict.to_dict()  # no _scope_ is added


@pytest.mark.parametrize('name', ['slowfast_k400.py', 'demo/egoexo_slowfast_demo.py'])
def test_get_config(name):
    assert (
        get_config(f'egoexo_mm::{name}')._cfg_dict.to_dict()
        == Config.fromfile(ROOT / 'configs' / name)._cfg_dict.to_dict()
    )


def test_other_packages_are_mmengines_business():
    with pytest.raises(AssertionError, match='does not support to load'):
        get_config('no_such_package::a/b.py')


def test_a_name_that_is_wrong(tmp_path):
    (tmp_path / 'mine.py').write_text("_base_ = 'egoexo_mm::slowfst_k400.py'\n")
    with pytest.raises(
        FileNotFoundError,
        match='no config slowfst_k400.py, the nearest is egoexo_mm::slowfast_k400.py',
    ):
        Config.fromfile(tmp_path / 'mine.py')


def test_the_index_names_what_is_there():
    index = load(ROOT / 'model-index.yml')
    models = [model for path in index['Import'] for model in load(ROOT / path)['Models']]
    listed = [model['Config'] for model in models]
    assert len(set(listed)) == len(listed) and all((ROOT / path).is_file() for path in listed)
    assert len({model['Name'] for model in models}) == len(models)
    found = [
        path for pattern in ('*.py', 'finetune/*/*.py') for path in (ROOT / 'configs').glob(pattern)
    ]
    assert {path.relative_to(ROOT).as_posix() for path in found} <= set(listed)


def run(tmp_path, *args):
    env = dict(os.environ, PYTHONPATH=str(ROOT), OMP_NUM_THREADS='1')
    return subprocess.run(
        [sys.executable, '-W', 'ignore', '-m', 'egoexo_mm', *args],
        cwd=tmp_path,
        env=env,
        capture_output=True,
        text=True,
        timeout=300,
    )


def test_help_lists_the_tools(tmp_path):
    done = run(tmp_path)
    assert done.returncode == 0
    tools = set(done.stdout.rsplit('Tools: ')[1].strip().split(', '))
    assert {
        'train',
        'test',
        'targets',
        'convert_targets',
        'data/prepare_epic',
        'dist_train',
        'slurm_test',
    } <= tools
    assert not {'run_tests', 'setup_env', 'study/report'} & tools


def test_configs_are_listed_and_found(tmp_path):
    names = run(tmp_path, 'configs').stdout.split()
    assert 'finetune/epic100/slowfast_r50_epic100.py' in names and not [
        name for name in names if '_base_' in name
    ]
    assert run(tmp_path, 'configs', 'egoexo_mm::study/miniworld.py').stdout.strip() == str(
        shipped.shipped('configs') / 'study/miniworld.py'
    )


def test_a_tool_from_another_folder(tmp_path):
    done = run(tmp_path, 'convert-targets', '--help')
    assert done.returncode == 0 and 'usage: convert_targets.py' in done.stdout
    done = run(tmp_path, 'targets', 'info', 'nowhere')
    assert done.returncode == 1 and 'targets: error' in done.stderr


@pytest.mark.parametrize(
    'args, message',
    [
        (['trian'], "there is no tool 'trian'; expected run, doctor, configs or one of: "),
        (['configs', 'slowfst_k400.py'], 'the nearest is egoexo_mm::slowfast_k400.py'),
        (
            ['run', 'no_such_script'],
            'run: there is neither a file no_such_script nor a no_such_script.py below ',
        ),
        (['run'], 'run: which script?'),
    ],
)
def test_wrong_names_are_one_line(capsys, args, message):
    assert command.main(args) == 2
    error = capsys.readouterr().err
    assert message in error and error.count('\n') == 1


def test_a_script_of_the_host_has_our_workarounds(tmp_path):
    (tmp_path / 'host').mkdir()
    (tmp_path / 'host' / 'neighbour.py').write_text('NAME = "beside it"\n')
    (tmp_path / 'host' / 'tool.py').write_text(
        'import sys, neighbour\nfrom mmaction.registry import MODELS\n'
        'if __name__ == "__main__":\n'
        '    print(neighbour.NAME, "EgoExoRecognizer" in MODELS, sys.argv[1:])\n'
        '    sys.exit(3)\n'
    )
    done = run(tmp_path, 'run', 'host/tool.py', 'a', '--b')
    assert (done.returncode, done.stdout.strip()) == (3, "beside it True ['a', '--b']"), done.stderr


def test_a_tool_of_mmaction2_by_name():
    assert command.host_script('confusion_matrix').name == 'confusion_matrix.py'
    assert command.host_script('analysis_tools/confusion_matrix.py').is_file()
