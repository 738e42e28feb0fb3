"""One command for all families of checkpoints; the families' own tests are beside this one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from egoexo_mm.checkpoints.families import FAMILIES, family_of
from tests.scripts import load_script

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / 'tests' / 'data' / 'golden'

tool = load_script('tools/convert_weights.py')


def slowfast():
    """The reference's names with an eighth of every channel count, classes kept."""
    shapes = json.loads((GOLDEN / 'k400_slowfast_r50.json').read_text())['shapes']
    state = {}
    for i, (key, shape) in enumerate(shapes.items()):
        small = [
            d if j > 1 or d < 8 or (j == 0 and key.startswith('head')) else d // 8
            for j, d in enumerate(shape)
        ]
        state[key] = torch.full(small, float(i))
    return {'model_state': state}


def hand_object():
    """Every name and shape of the original; one stored number each."""
    keys = json.loads((GOLDEN / 'hand_object' / 'keys.json').read_text())
    state = {key: torch.zeros(()).expand(info['shape']) for key, info in keys.items()}
    return {'model': state, 'pooling_mode': 'align'}


FORMER = {
    'pyslowfast': ('convert_pyslowfast', slowfast),
    'hand_object': ('convert_hand_object_weights', hand_object),
}


def run(*args):
    tool.main([str(arg) for arg in args])


def fails(*args):
    with pytest.raises(SystemExit) as stop:
        run(*args)
    assert isinstance(stop.value.code, str) and '\n' not in stop.value.code
    return stop.value.code


def equal(one, other):
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


def test_every_family_is_tested():
    assert FORMER.keys() == FAMILIES.keys()


@pytest.mark.parametrize('family', FORMER)
def test_the_family_is_found_and_the_former_script_does_the_same(family, tmp_path, capsys):
    script, make = FORMER[family]
    source, out = tmp_path / 'in_89999.pth', tmp_path / 'out.pth'
    torch.save(make(), source)
    load_script(f'tools/{script}.py').main([str(source), str(out)])
    former, expected = capsys.readouterr(), torch.load(out, weights_only=True)
    assert former.err == f'{script}.py is now convert_weights.py --from {family}\n'
    out.unlink()

    run(source, out)
    found = torch.load(out, weights_only=True)
    assert capsys.readouterr() == (former.out, '')
    assert found['meta'] == expected['meta'] and found.keys() == expected.keys()
    assert equal(found['state_dict'], expected['state_dict'])
    assert ('warning: ' in former.out) == (family == 'hand_object')

    run(source, out, '--from', family)
    assert equal(torch.load(out, weights_only=True)['state_dict'], expected['state_dict'])


def test_there_and_back_without_naming_the_family(tmp_path):
    given, out, back = slowfast(), tmp_path / 'out.pth', tmp_path / 'back.pyth'
    torch.save(given, tmp_path / 'in.pyth')
    run(tmp_path / 'in.pyth', out)
    run(out, back, '--reverse')
    assert equal(torch.load(back, weights_only=True)['model_state'], given['model_state'])


def test_names_of_data_parallel_training_are_found(tmp_path):
    state = {f'module.{key}': value for key, value in slowfast()['model_state'].items()}
    assert family_of({'model_state': state}, tmp_path) is FAMILIES['pyslowfast']


def test_a_misfit_is_named_and_nothing_written(tmp_path):
    checkpoint = hand_object()
    checkpoint['model']['RCNN_extra'] = torch.zeros(1)
    torch.save(checkpoint, tmp_path / 'in.pth')
    line = fails(tmp_path / 'in.pth', tmp_path / 'out.pth')
    assert 'in.pth: has 1 unknown key (RCNN_extra); expected the weights of Shan' in line
    line = fails(tmp_path / 'in.pth', tmp_path / 'out.pth', '--from', 'pyslowfast')
    assert 'has no weights under `model_state` (found: model, pooling_mode)' in line
    assert [path.name for path in tmp_path.iterdir()] == ['in.pth']


@pytest.mark.parametrize('checkpoint', [{'model': {'blocks.0.x': torch.zeros(1)}}, {'epoch': 3}])
def test_an_unknown_family(checkpoint, tmp_path):
    torch.save(checkpoint, tmp_path / 'in.pth')
    line = fails(tmp_path / 'in.pth', tmp_path / 'out.pth')
    assert line == (
        f'error: {tmp_path / "in.pth"}: its weights are of no known family; expected a PySlowFast '
        "checkpoint (.pyth) with `model_state` or a checkpoint of Shan et al.'s hand-object "
        'detector with `model`. Name the family with --from to see what does not fit'
    )


def test_the_way_back_where_there_is_none(tmp_path):
    converted, back = tmp_path / 'converted.pth', tmp_path / 'back.pth'
    torch.save(hand_object(), tmp_path / 'in.pth')
    run(tmp_path / 'in.pth', converted)
    assert 'no family of checkpoints has a way back for its weights' in fails(
        converted, back, '--reverse'
    )
    line = fails(converted, back, '--reverse', '--from', 'hand_object')
    assert 'weights of hand_object cannot be converted back' in line
    assert not back.exists()


def test_as_a_command(tmp_path):
    torch.save(slowfast(), tmp_path / 'in.pyth')
    env = {**os.environ, 'PYTHONPATH': os.pathsep.join([str(ROOT), *filter(None, sys.path)])}
    command = [sys.executable, ROOT / 'tools' / 'convert_weights.py']
    done = subprocess.run(
        [*command, tmp_path / 'in.pyth', tmp_path / 'out.pth'],
        env=env,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f'wrote {tmp_path / "out.pth"}'
