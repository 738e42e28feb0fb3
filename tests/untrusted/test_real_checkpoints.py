"""What training scripts save beside the weights comes back, in both formats of ``torch.save``."""

import argparse
import datetime
import os
import pickle
import random
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.logging import HistoryBuffer

from egoexo_mm.checkpoints.reading import read_weights
from egoexo_mm.compat import checkpoints

ZONE = datetime.timezone(datetime.timedelta(hours=2))


def old(value, path, **kwargs):
    torch.save(value, path, _use_new_zipfile_serialization=False, **kwargs)


def trained():
    """A model after one step, its optimizer, schedule and averaged weights."""
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    optimizer = torch.optim.AdamW(
        [dict(params=model[0].parameters(), lr=0.1), dict(params=model[1].parameters())], lr=0.2
    )
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [2])
    model(torch.ones(4, 2)).sum().backward()
    optimizer.step()
    scheduler.step()
    return model, optimizer, scheduler, torch.optim.swa_utils.AveragedModel(model)


def videomae(model, optimizer, scheduler, average):
    args = argparse.Namespace(
        model='vit_base', lr=1e-3, betas=(0.9, 0.999), output_dir=Path('/data/out'), seed=None
    )
    return dict(
        model=model.state_dict(),
        optimizer=optimizer.state_dict(),
        epoch=3,
        scaler=dict(scale=65536.0, growth_factor=2.0, _growth_tracker=1),
        args=args,
    )


def timm(model, optimizer, scheduler, average):
    return dict(
        epoch=3,
        arch='vit',
        state_dict=model.state_dict(),
        optimizer=optimizer.state_dict(),
        version=2,
        args=argparse.Namespace(opt='sgd'),
        metric=76.5,
        state_dict_ema=average.module.state_dict(),
    )


def torchvision(model, optimizer, scheduler, average):
    return dict(
        model=model.state_dict(),
        optimizer=optimizer.state_dict(),
        lr_scheduler=scheduler.state_dict(),
        args=argparse.Namespace(workers=4),
        scaler=None,
        model_ema=average.state_dict(),
    )


def mmengine(model, optimizer, scheduler, average):
    history = HistoryBuffer()
    history.update(1.5)
    return dict(
        meta=dict(
            cfg='model = dict()\n',
            epoch=3,
            made=datetime.datetime(2026, 11, 27, 22, 17, 8, 123456, ZONE),
            day=datetime.date(2026, 11, 27),
            took=datetime.timedelta(1, 2, 3),
            dataset_meta=dict(CLASSES=('a', 'b'), map=ConfigDict(a=dict(b=[1]))),
            counts=defaultdict(list, a=[1]),
            array=np.arange(3),
        ),
        state_dict=model.state_dict(),
        ema_state_dict=average.state_dict(),
        optimizer=dict(**optimizer.state_dict(), loss_scaler=dict(scale=65536.0)),
        param_schedulers=[scheduler.state_dict()],
        message_hub=dict(
            log_scalars=OrderedDict(loss=history),
            runtime_info=OrderedDict(best=np.float32(0.5), iter=1),
            resumed_keys=OrderedDict(loss=True),
        ),
    )


def generators(model, optimizer, scheduler, average):
    return dict(
        state_dict=model.state_dict(),
        python=random.getstate(),
        numpy=np.random.RandomState(0).get_state(),
        pcg=np.random.default_rng(0).bit_generator.state,  # its numbers have 128 bits
        torch=torch.get_rng_state(),
    )


def parameters(model, optimizer, scheduler, average):
    return OrderedDict(model.named_parameters())


def equal(one, other):
    if isinstance(one, torch.Tensor):
        return type(one) is type(other) and torch.equal(one, other)
    if isinstance(one, np.ndarray):
        return one.dtype == other.dtype and np.array_equal(one, other)
    if isinstance(one, HistoryBuffer):
        return type(other) is HistoryBuffer and all(map(np.array_equal, one.data, other.data))
    if isinstance(one, argparse.Namespace):
        return type(other) is argparse.Namespace and equal(vars(one), vars(other))
    if isinstance(one, dict):
        return list(one) == list(other) and all(equal(one[key], other[key]) for key in one)
    if isinstance(one, (list, tuple)):
        return type(one) is type(other) and len(one) == len(other) and all(map(equal, one, other))
    return (one.as_posix() if isinstance(one, Path) else one) == other  # a path comes back as text


@pytest.mark.parametrize('protocol', [2, 4])
@pytest.mark.parametrize('save', [torch.save, old])
@pytest.mark.parametrize('make', [videomae, timm, torchvision, mmengine, generators, parameters])
def test_comes_back(tmp_path, make, save, protocol):
    torch.manual_seed(0)
    value = make(*trained())
    save(value, tmp_path / 'c.pth', pickle_protocol=protocol)
    found = checkpoints.load(tmp_path / 'c.pth', 'cpu')
    assert equal(value, found)
    weights = found.get('model', found.get('state_dict', found))
    assert getattr(weights, '_metadata', None) == getattr(
        value.get('model', value.get('state_dict')), '_metadata', None
    )
    assert set(read_weights(tmp_path / 'c.pth')[0]) == set(weights)


@pytest.mark.parametrize('protocol', range(6))
def test_a_namespace_in_every_protocol(tmp_path, protocol):
    value = dict(args=argparse.Namespace(a=1, b=[2.5, 'x']), t=datetime.datetime(2026, 2, 28, 1))
    old(value, tmp_path / 'n.pth', pickle_protocol=protocol)
    assert equal(value, checkpoints.load(tmp_path / 'n.pth'))


@pytest.mark.parametrize('protocol', [2, 4])
def test_a_config_of_an_older_mmengine(monkeypatch, tmp_path, protocol):
    """MMEngine 0.8 and 0.9 leave the pickle of a ConfigDict to addict."""
    if '__reduce_ex__' in vars(ConfigDict):
        monkeypatch.delattr(ConfigDict, '__reduce_ex__')
    value = dict(a=ConfigDict(), b=ConfigDict(x=ConfigDict(y=[1, None]), z=(2, 3)))
    torch.save(value, tmp_path / 'c.pth', pickle_protocol=protocol)
    found = checkpoints.load(tmp_path / 'c.pth')
    assert found == dict(a={}, b=dict(x=dict(y=[1, None]), z=(2, 3)))
    assert type(found['b']) is type(found['b']['x']) is dict


class Attack:
    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    'value',
    [
        dict(a=1 << 200),
        dict(a=Attack(datetime.datetime, b'\xff' * 10)),
        dict(a=Attack(datetime.datetime, b'\x07\xea\x02\x1e\0\0\0\0\0\0')),  # the 30th of February
        dict(a=Attack(argparse.Namespace, 1)),
        dict(a=argparse.Namespace(x=Attack(eval, '1'))),
        dict(a=argparse.Namespace(__x__=1)),
        dict(a=Attack(Path, b'x')),
        dict(a=1j),
        dict(a=np.ones(2, complex)),
        dict(a=Attack(ConfigDict, 'x')),
        dict(a=Attack(defaultdict, os.system)),
        dict(a=int),
        {'a\0b': 1},
        {'a\nb': 1},
        {3: 1},
        [1],
        None,
    ],
)
def test_forged_values_are_refused(tmp_path, value):
    torch.save(value, tmp_path / 'f.pth')
    with pytest.raises(pickle.UnpicklingError, match='f.pth: not loaded') as refusal:
        checkpoints.load(tmp_path / 'f.pth')
    assert len(str(refusal.value)) < 600 and '\n' not in str(refusal.value)
