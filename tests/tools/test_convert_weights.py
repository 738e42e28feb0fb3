"""One command for all families of checkpoints; the families' own tests are beside this one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from egoexo_mm.checkpoints.families import FAMILIES, family_of, find_family
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


def videomae(kind='finetuned'):
    """Every published name and shape; one stored number each."""
    shapes = json.loads((GOLDEN.parent / 'videomae_names.json').read_text())[kind]
    return {key: torch.zeros(()).expand(shape) for key, shape in shapes.items()}


def visual_tower(**more):
    """One block of CLIP's names."""
    width, block = 64, 'visual.transformer.resblocks.0'
    shapes = {
        'visual.conv1.weight': (width, 3, 8, 8),
        'visual.class_embedding': (width,),
        'visual.positional_embedding': (17, width),
        f'{block}.attn.in_proj_weight': (3 * width, width),
        f'{block}.attn.in_proj_bias': (3 * width,),
        f'{block}.attn.out_proj.weight': (width, width),
        f'{block}.attn.out_proj.bias': (width,),
        f'{block}.mlp.c_fc.weight': (4 * width, width),
        f'{block}.mlp.c_fc.bias': (4 * width,),
        f'{block}.mlp.c_proj.weight': (width, 4 * width),
        f'{block}.mlp.c_proj.bias': (width,),
    }
    norms = ('visual.ln_pre', 'visual.ln_post', f'{block}.ln_1', f'{block}.ln_2')
    shapes.update({f'{n}.{leaf}': (width,) for n in norms for leaf in ('weight', 'bias')})
    return {key: torch.rand(shape) for key, shape in {**shapes, **more}.items()}


FORMER = {
    'pyslowfast': ('convert_pyslowfast', slowfast),
    'hand_object': ('convert_hand_object_weights', hand_object),
}
LAVILA = 'module.visual.blocks.0.timeattn.proj.bias'
CASES = {
    **{family: make for family, (_, make) in FORMER.items()},
    'videomae': lambda: {'module': videomae(), 'model_ema': videomae()},
    'videomae_hf': lambda: videomae('hugging_face'),
    'avion': lambda: {'state_dict': visual_tower(**{'visual.temporal_embedding': (4, 64)})},
    'clip': visual_tower,
    'lavila': lambda: {'state_dict': {LAVILA: torch.zeros(1)}},
}
# Whose converted names lead back: both layouts of VideoMAE to the official one.
BACK = dict(pyslowfast='pyslowfast', videomae='videomae', videomae_hf='videomae', avion='avion')


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
    assert CASES.keys() == FAMILIES.keys()


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


@pytest.mark.parametrize('family', CASES)
def test_one_command_finds_every_family(family, tmp_path, capsys):
    """As --from it; no other family takes the file for its own."""
    checkpoint, source, out = CASES[family](), tmp_path / 'in.pth', tmp_path / 'out.pth'
    assert [one.name for one in FAMILIES.values() if one.key_of(checkpoint) is not None] == [family]
    torch.save(checkpoint, source)
    if family == 'lavila':
        assert "is LaViLa's TimeSformer, which no backbone of MMAction2" in fails(source, out)
        assert not out.exists()
        return
    run(source, out)
    found = torch.load(out, weights_only=True)
    text = capsys.readouterr().out
    assert ('took `module`; --key takes model_ema' in text) == (family == 'videomae')
    run(source, out, '--from', family)
    assert equal(found['state_dict'], torch.load(out, weights_only=True)['state_dict'])
    assert find_family(found) is None  # ours are nobody's
    if family in BACK:
        assert family_of(found, out, reverse=True).name == BACK[family]
    else:
        with pytest.raises(ValueError, match='no family of checkpoints has a way back'):
            family_of(found, out, reverse=True)


def test_averaged_weights_by_their_key(tmp_path):
    averaged = {**videomae(), 'head.bias': torch.ones(400)}
    torch.save({'model': videomae(), 'model_ema': averaged}, tmp_path / 'in.pth')
    for key, value in ((None, 0), ('model_ema', 1)):
        run(tmp_path / 'in.pth', tmp_path / 'out.pth', *(['--key', key] if key else []))
        state = torch.load(tmp_path / 'out.pth', weights_only=True)['state_dict']
        assert state['cls_head.fc_cls.bias'].unique().tolist() == [value]
    line = fails(tmp_path / 'in.pth', tmp_path / 'out.pth', '--from', 'videomae', '--key', 'x')
    assert 'has no weights under `x` (found: model, model_ema)' in line


def test_clips_of_another_length_and_size(tmp_path):
    torch.save({'module': videomae()}, tmp_path / 'in.pth')
    run(tmp_path / 'in.pth', tmp_path / 'out.pth', '--frames', 32, '--size', 160)
    state = torch.load(tmp_path / 'out.pth', weights_only=True)['state_dict']
    assert state['backbone.pos_embed'].shape == (1, 16 * 10 * 10, 768)
    torch.save(slowfast(), tmp_path / 'in.pyth')
    line = fails(tmp_path / 'in.pyth', tmp_path / 'out.pth', '--frames', 32)
    assert 'in.pyth: --frames and --size are for fixed tables of positions; pyslowfast has' in line
    with pytest.raises(SystemExit) as stop:
        run('--reverse', '--frames', 8, tmp_path / 'in.pth', tmp_path / 'out.pth')
    assert stop.value.code == 2


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
        'detector with `model` or a VideoMAE checkpoint with `model` or `module` or `state_dict` '
        "or `model_ema` or a VideoMAE file of Hugging Face's transformers with `state_dict` or "
        '`model` or a checkpoint of AVION with `state_dict` or `model` or a state dict of CLIP '
        'with a ViT visual tower with `state_dict` or `model` or a checkpoint of LaViLa with '
        '`state_dict` or `model`. Name the family with --from to see what does not fit'
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
