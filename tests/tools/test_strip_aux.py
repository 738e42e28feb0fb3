"""What training leaves behind becomes what stock MMAction2 loads."""

import os

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.logging import HistoryBuffer
from mmengine.runner import load_checkpoint

import egoexo_mm  # noqa: F401  registers
from tests.scripts import load_script

BACKBONE = dict(type='ResNet3dSlowOnly', depth=50, pretrained=None, base_channels=8)
CLS_HEAD = dict(type='I3DHead', num_classes=5, in_channels=256)
PREPROCESSOR = dict(
    type='ActionDataPreprocessor', mean=[114.75] * 3, std=[57.375] * 3, format_shape='NCTHW'
)


tool = load_script('tools/strip_aux.py')


def trained_model():
    return MODELS.build(
        dict(
            _scope_='mmaction',
            type='EgoExoRecognizer',
            backbone=BACKBONE,
            cls_head=CLS_HEAD,
            data_preprocessor=PREPROCESSOR,
            aux_heads=dict(
                ego_score=dict(
                    type='ScoreDistillHead', target='ego_score', num_classes=2, in_channels=256
                ),
                interaction_map=dict(type='InteractionMapHead', in_channels=256, mid_channels=8),
            ),
        )
    )


@pytest.fixture
def checkpoint():
    """What MMEngine's Runner saves, with the objects that stock ``torch.load`` refuses."""
    model = trained_model()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    return {
        'meta': {
            'epoch': 3,
            'iter': 90,
            'cfg': 'model = dict()',
            'seed': 0,
            'best': np.float64(0.5),
            'dataset_meta': {'classes': ['a', 'b'], 'ids': np.arange(2), 'pair': (1, None)},
            'experiment_name': 'x',
        },
        'state_dict': model.state_dict(),
        'message_hub': {
            'log_scalars': {'train/loss': HistoryBuffer([1.0], [1])},
            'runtime_info': {'epoch': 3},
            'resumed_keys': {},
        },
        'optimizer': optimizer.state_dict(),
        'param_schedulers': [{'last_step': 3}],
    }


def run(*args):
    tool.main([str(arg) for arg in args])


def fails(*args):
    with pytest.raises(SystemExit) as stop:
        run(*args)
    assert isinstance(stop.value.code, str)
    assert '\n' not in stop.value.code
    return stop.value.code


def test_stock_recognizer_loads_the_stripped_file_strictly(checkpoint, tmp_path, capsys):
    source, out = tmp_path / 'epoch_3.pth', tmp_path / 'release.pth'
    torch.save(checkpoint, source)
    run(source, out)
    printed = capsys.readouterr().out.splitlines()

    stock = MODELS.build(
        dict(
            _scope_='mmaction',
            type='Recognizer3D',
            backbone=BACKBONE,
            cls_head=CLS_HEAD,
            data_preprocessor=PREPROCESSOR,
        )
    )
    load_checkpoint(stock, str(out), map_location='cpu', strict=True)
    for key, value in stock.state_dict().items():
        assert torch.equal(value, checkpoint['state_dict'][key]), key

    kept = len(stock.state_dict())
    sizes = [f'{path.stat().st_size / 1e6:.1f} MB' for path in (source, out)]
    assert printed == [  # two tensors of the Ego-Score, four of the Interaction-Map
        f'kept {kept} of {kept + 6} tensors',
        'dropped 6 tensors of aux_heads.',
        'dropped message_hub, optimizer, param_schedulers',
        f'{sizes[0]} -> {sizes[1]}',
        f'wrote {out}',
    ]
    assert out.stat().st_size < source.stat().st_size / 2
    assert {p.name for p in tmp_path.iterdir()} == {'epoch_3.pth', 'release.pth'}


def test_the_stripped_file_needs_no_safe_globals(checkpoint, tmp_path):
    torch.save(checkpoint, tmp_path / 'in.pth')
    run(tmp_path / 'in.pth', tmp_path / 'out.pth')
    known = torch.serialization.get_safe_globals()
    torch.serialization.clear_safe_globals()
    try:
        stripped = torch.load(tmp_path / 'out.pth', weights_only=True)
    finally:
        torch.serialization.add_safe_globals(known)
    assert stripped.keys() == {'state_dict', 'meta'}
    assert stripped['meta'] == {
        'epoch': 3,
        'iter': 90,
        'cfg': 'model = dict()',
        'seed': 0,
        'experiment_name': 'x',
        'dataset_meta': {'classes': ['a', 'b'], 'pair': (1, None)},
    }


def test_teachers_and_preprocessor_go_too(checkpoint, tmp_path, capsys):
    checkpoint['state_dict'].update(
        {'teachers.ego_score.fc.weight': torch.ones(2, 2), 'data_preprocessor.mean': torch.ones(3)}
    )
    torch.save({'state_dict': checkpoint['state_dict']}, tmp_path / 'in.pth')
    run(tmp_path / 'in.pth', tmp_path / 'out.pth')
    printed = capsys.readouterr().out.splitlines()
    assert printed[1:4] == [
        'dropped 6 tensors of aux_heads.',
        'dropped 1 tensors of teachers.',
        'dropped 1 tensors of data_preprocessor.',
    ]
    stripped = torch.load(tmp_path / 'out.pth', weights_only=True)
    assert {key.split('.')[0] for key in stripped['state_dict']} == {'backbone', 'cls_head'}
    assert stripped['meta'] == {}


@pytest.mark.parametrize(
    'wrap',
    [
        lambda name: f'module.{name}',
        lambda name: f'_orig_mod.{name}',
        lambda name: f'module._orig_mod.{name}',
        lambda name: f'_orig_mod.module.{name}',
        lambda name: f'module.module.{name}',
        lambda name: name.replace('backbone.', 'backbone._orig_mod.').replace(
            'aux_heads.', 'aux_heads._orig_mod.'
        ),
    ],
)
def test_names_of_wrapped_models(checkpoint, tmp_path, capsys, wrap):
    """Wrappers rename modules: the heads are found, and the names become the recognizer's."""
    plain = checkpoint['state_dict']
    checkpoint['state_dict'] = {wrap(name): value for name, value in plain.items()}
    torch.save(checkpoint, tmp_path / 'in.pth')
    run(tmp_path / 'in.pth', tmp_path / 'out.pth')
    printed = capsys.readouterr().out
    stock = MODELS.build(
        dict(
            _scope_='mmaction',
            type='Recognizer3D',
            backbone=BACKBONE,
            cls_head=CLS_HEAD,
            data_preprocessor=PREPROCESSOR,
        )
    )
    load_checkpoint(stock, str(tmp_path / 'out.pth'), map_location='cpu', strict=True)
    assert (
        torch.load(tmp_path / 'out.pth', weights_only=True)['state_dict'].keys()
        == stock.state_dict().keys()
    )
    for key, value in stock.state_dict().items():
        assert torch.equal(value, plain[key]), key
    kept = len(stock.state_dict())
    assert printed.startswith(f'kept {kept} of {kept + 6} tensors\n')
    assert 'dropped 6 tensors of aux_heads.' in printed and ' off the names of ' in printed


@pytest.mark.parametrize('counter', ['steps', 'n_averaged'])
def test_an_averaged_model(checkpoint, tmp_path, counter):
    """Of MMEngine's and torch's AveragedModel: a counter stands beside `module.`."""
    state = {f'module.{name}': value for name, value in checkpoint['state_dict'].items()}
    torch.save({'state_dict': {counter: torch.tensor(3), **state}}, tmp_path / 'in.pth')
    run(tmp_path / 'in.pth', tmp_path / 'out.pth')
    names = torch.load(tmp_path / 'out.pth', weights_only=True)['state_dict']
    assert {name.split('.')[0] for name in names} == {'backbone', 'cls_head'}


def test_a_checkpoint_of_an_ema_run(checkpoint, tmp_path, capsys):
    """EMAHook saves the averages as `state_dict`, the model itself as `ema_state_dict`."""
    state = {
        f'module.{name}': value + 1 if value.is_floating_point() else value
        for name, value in checkpoint['state_dict'].items()
    }
    torch.save(
        {**checkpoint, 'ema_state_dict': {'steps': torch.tensor(3), **state}}, tmp_path / 'in.pth'
    )
    run(tmp_path / 'in.pth', tmp_path / 'out.pth')
    assert (
        'dropped ema_state_dict, message_hub, optimizer, param_schedulers'
        in capsys.readouterr().out
    )
    for name, value in torch.load(tmp_path / 'out.pth', weights_only=True)['state_dict'].items():
        assert torch.equal(value, checkpoint['state_dict'][name])


def test_two_models_in_one_file(checkpoint, tmp_path):
    name, value = next(iter(checkpoint['state_dict'].items()))
    torch.save({'state_dict': {name: value, f'module.{name}': value}}, tmp_path / 'in.pth')
    assert f'has two tensors for {name}, one of them as module.{name}' in fails(
        tmp_path / 'in.pth', tmp_path / 'out.pth'
    )


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (
            {'state_dict': {'aux_heads.ego_score.fc.bias': torch.ones(2)}},
            'has only aux_heads., teachers., data_preprocessor. weights; '
            'expected a recognizer with',
        ),
        (
            {'model_state': {'a': torch.ones(2)}},
            'has no weights under `state_dict` (found: model_state); '
            'expected a checkpoint written by',
        ),
        ({'state_dict': {}}, 'has no weights under `state_dict` (found: state_dict)'),
        (
            {'state_dict': {}, 'code': os.getcwd},
            'getcwd to be loaded, which could run code, and is refused',
        ),
    ],
)
def test_what_holds_no_recognizer_is_refused(content, message, tmp_path):
    torch.save(content, tmp_path / 'in.pth')
    line = fails(tmp_path / 'in.pth', tmp_path / 'out.pth')
    assert line.startswith(f'error: {tmp_path / "in.pth"} ')
    assert message in line
    assert [p.name for p in tmp_path.iterdir()] == ['in.pth']


def test_the_input_is_never_overwritten(checkpoint, tmp_path):
    path = tmp_path / 'in.pth'
    torch.save(checkpoint, path)
    before = path.read_bytes()
    assert 'is the input itself; name another output file' in fails(path, path)
    assert path.read_bytes() == before


def test_a_state_of_training_is_not_replaced(checkpoint, tmp_path):
    source, trained, plain = (tmp_path / name for name in ('in.pth', 'epoch_9.pth', 'plain.pth'))
    torch.save(dict(state_dict=checkpoint['state_dict'], meta={}), source)
    torch.save(checkpoint, trained)
    before = trained.read_bytes()
    assert 'is there already and holds the state of a training' in fails(source, trained)
    assert trained.read_bytes() == before
    run(trained, plain)
    run(trained, plain)  # again: what it wrote is replaced
    (tmp_path / 'other.pth').write_bytes(b'no checkpoint')
    run(source, tmp_path / 'other.pth')
