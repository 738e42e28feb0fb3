"""A Runner's checkpoints resume; code in one is refused; ``torch.load`` elsewhere is as before."""

import os
import pickle

import mmengine.runner.checkpoint as loaders
import numpy as np
import pytest
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.model import BaseModel
from mmengine.runner import Runner, load_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader

from egoexo_mm import compat
from egoexo_mm.compat import checkpoints


@pytest.fixture(autouse=True)
def _applied():
    compat.apply()


class ToyModel(BaseModel):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 1)

    def forward(self, inputs, mode):
        out = self.linear(torch.stack(inputs))
        return dict(loss=(out - 1).pow(2).mean()) if mode == 'loss' else list(out)


class ToyMetric(BaseMetric):
    default_prefix = 'toy'

    def process(self, data_batch, data_samples):
        self.results.extend(sample.item() for sample in data_samples)

    def compute_metrics(self, results):
        return dict(acc=np.float64(-np.mean(np.square(np.array(results) - 1))))  # numpy scalars too


class ToyData(torch.utils.data.Dataset):
    metainfo = dict(classes=('cut', 'open'), counts=np.array([3, 4]))

    def __len__(self):
        return 6

    def __getitem__(self, index):
        return torch.tensor([index / 6, 1 - index / 6])


def collate(batch):
    return dict(inputs=batch)


def run(work_dir, epochs, resume=False):
    """Train the toy model for ``epochs`` of a schedule over 4."""
    torch.manual_seed(0)  # the model is made before the Runner seeds anything
    loader = dict(
        batch_size=2,
        dataset=ToyData(),
        collate_fn=collate,
        sampler=dict(type='DefaultSampler', shuffle=False),
    )
    runner = Runner(
        model=ToyModel(),
        work_dir=str(work_dir),
        train_dataloader=loader,
        val_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=epochs),
        val_cfg=dict(),
        val_evaluator=Evaluator(ToyMetric()),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9)),
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.1, end=2, by_epoch=False),
            dict(type='MultiStepLR', milestones=[3], end=4, by_epoch=True),
        ],
        default_hooks=dict(
            checkpoint=dict(type='CheckpointHook', interval=1, save_best='toy/acc', rule='greater'),
            logger=dict(type='LoggerHook', interval=1),
        ),
        randomness=dict(seed=0),
        resume=resume,
        log_level='ERROR',
        default_scope='mmaction',
        experiment_name=f'{work_dir.name}_{epochs}_{resume}',
    )
    runner.train()
    return runner


def test_resumed_run_equals_an_uninterrupted_one(tmp_path):
    whole = run(tmp_path / 'whole', 4)
    run(tmp_path / 'cut', 2)
    resumed = run(tmp_path / 'cut', 4, resume=True)
    assert resumed.iter == 12
    assert resumed._train_loop._epoch == 4
    assert resumed.optim_wrapper.get_lr() == whole.optim_wrapper.get_lr()
    for name, value in whole.model.state_dict().items():
        assert torch.equal(resumed.model.state_dict()[name], value), name
    losses = [run.message_hub.get_scalar('train/loss').data[0] for run in (whole, resumed)]
    assert len(losses[0]) == 12
    assert np.array_equal(*losses)


def test_what_comes_back_is_whole(tmp_path):
    run(tmp_path / 'run', 2)
    checkpoint = CheckpointLoader.load_checkpoint(str(tmp_path / 'run' / 'epoch_2.pth'), 'cpu')
    assert np.array_equal(checkpoint['meta']['dataset_meta']['counts'], [3, 4])
    hub = MessageHub.get_instance('reader')
    hub.load_state_dict(checkpoint['message_hub'])
    buffer = hub.get_scalar('train/loss')
    assert isinstance(buffer, HistoryBuffer)
    assert buffer.statistics('mean') == pytest.approx(buffer.data[0].mean())
    assert hub.get_info('best_score') <= 0
    assert list((tmp_path / 'run').glob('best_toy_acc_epoch_*.pth'))


class Attack:
    """Pickles as a call of ``function`` with ``args``."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def save_old(value, path, **kwargs):
    torch.save(value, path, _use_new_zipfile_serialization=False, **kwargs)


@pytest.mark.parametrize('save', [torch.save, save_old])
def test_code_in_a_checkpoint_is_refused(tmp_path, save):
    trace = tmp_path / 'ran'
    path = tmp_path / 'evil.pth'
    save(dict(state_dict={}, meta=Attack(os.system, f'touch {trace}')), path)
    with pytest.raises(
        pickle.UnpicklingError, match=r'evil\.pth: not loaded: it asks for posix\.system; expected'
    ):
        CheckpointLoader.load_checkpoint(str(path), 'cpu')
    with pytest.raises(pickle.UnpicklingError, match='posix.system'):
        load_checkpoint(ToyModel(), str(path))
    assert not trace.exists()
    torch.load(path, weights_only=False)  # the attack itself works
    assert trace.exists()


@pytest.mark.parametrize(
    'owner, name',
    [
        (HistoryBuffer, '__init__'),
        (HistoryBuffer, 'update'),
        (np.ndarray, 'tofile'),
        (np.ndarray, 'mean'),
    ],
)
@pytest.mark.parametrize('protocol', [2, 4])
def test_getattr_in_a_checkpoint_is_refused(tmp_path, owner, name, protocol):
    path = tmp_path / 'evil.pth'
    torch.save(dict(meta=Attack(getattr, owner, name)), path, pickle_protocol=protocol)
    with pytest.raises(pickle.UnpicklingError, match='may name only min, max, current, mean'):
        checkpoints.load(path)


def test_getattr_on_os_cannot_even_be_asked(tmp_path):
    path = tmp_path / 'evil.pth'
    # The pickle of getattr(os, 'system'), written by hand since modules do not pickle.
    path.write_bytes(b'\x80\x02c__builtin__\ngetattr\ncos\nenviron\nX\x06\x00\x00\x00system\x86R.')
    with pytest.raises(pickle.UnpicklingError, match='it asks for os.environ'):
        checkpoints.load(path)


def history():
    buffer = HistoryBuffer()
    for value in (3.0, 1.0, 2.0):
        buffer.update(value)
    return buffer


@pytest.mark.parametrize('save', [torch.save, save_old])
@pytest.mark.parametrize('protocol', [2, 4])
def test_a_history_buffer_comes_back(tmp_path, save, protocol):
    save(dict(log=history(), number=np.float64(0.5)), tmp_path / 'h.pth', pickle_protocol=protocol)
    found = checkpoints.load(tmp_path / 'h.pth')
    assert type(found['log']) is HistoryBuffer and found['number'] == 0.5
    assert [found['log'].statistics(name) for name in ('min', 'max', 'current', 'mean')] == [
        1,
        3,
        2,
        2,
    ]  # mean of 3, 1, 2
    found['log'].update(7.0)
    assert found['log'].data[0].tolist() == [3, 1, 2, 7]


@pytest.mark.skipif(not hasattr(torch.serialization, 'get_safe_globals'), reason='torch before 2.5')
def test_other_calls_of_torch_load_are_as_strict_as_without_us(tmp_path):
    torch.save(dict(log=history()), tmp_path / 'h.pth')
    before = torch.serialization.get_safe_globals()
    checkpoints.load(tmp_path / 'h.pth')
    with pytest.raises(pickle.UnpicklingError, match='Weights only load failed'):
        torch.load(tmp_path / 'h.pth', weights_only=True)
    assert torch.serialization.get_safe_globals() == before
    assert not [
        entry for entry in before if 'numpy' in str(entry) or 'mmengine' in str(entry)
    ]  # torch has some of its own
    assert torch.load.__module__ == 'torch.serialization'


class Declared:
    """A class that a user tells torch to admit."""


@pytest.mark.skipif(not hasattr(torch.serialization, 'safe_globals'), reason='torch before 2.5')
def test_what_the_user_declared_safe_is_left_to_torch(tmp_path):
    torch.save(dict(mine=Declared()), tmp_path / 'm.pth')
    with pytest.raises(pickle.UnpicklingError, match='Declared; expected tensors, plain values'):
        checkpoints.load(tmp_path / 'm.pth')
    with torch.serialization.safe_globals([Declared]):
        assert type(checkpoints.load(tmp_path / 'm.pth')['mine']) is Declared


def test_the_switch_of_torch_for_trusted_files(tmp_path, monkeypatch):
    torch.save(dict(mine=Declared()), tmp_path / 'm.pth')
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    assert type(checkpoints.load(tmp_path / 'm.pth')['mine']) is Declared


def test_a_checkpoint_from_a_url(tmp_path, monkeypatch):
    trace = tmp_path / 'ran'
    torch.save(dict(state_dict={}, meta=Attack(os.system, f'touch {trace}')), tmp_path / 'evil.pth')
    torch.save(dict(weight=torch.ones(2)), tmp_path / 'good.pth')
    monkeypatch.setenv('TORCH_HOME', str(tmp_path / 'home'))
    with pytest.raises(pickle.UnpicklingError, match='posix.system'):
        checkpoints.load_url((tmp_path / 'evil.pth').as_uri(), map_location='cpu')
    assert not trace.exists()
    for _ in range(2):  # the second time from the cache
        assert checkpoints.load_url((tmp_path / 'good.pth').as_uri(), map_location='cpu')[
            'weight'
        ].tolist() == [1, 1]
    assert loaders.load_url is checkpoints.load_url
