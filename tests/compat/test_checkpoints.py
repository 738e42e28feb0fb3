"""A real Runner's checkpoints resume under ``weights_only=True``; code in one is refused."""
import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.evaluator import BaseMetric, Evaluator
from mmengine.logging import HistoryBuffer, MessageHub
from mmengine.model import BaseModel
from mmengine.runner import Runner

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
    loader = dict(batch_size=2, dataset=ToyData(), collate_fn=collate,
                  sampler=dict(type='DefaultSampler', shuffle=False))
    runner = Runner(
        model=ToyModel(), work_dir=str(work_dir), train_dataloader=loader, val_dataloader=loader,
        train_cfg=dict(by_epoch=True, max_epochs=epochs), val_cfg=dict(),
        val_evaluator=Evaluator(ToyMetric()),
        optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1, momentum=0.9)),
        param_scheduler=[dict(type='LinearLR', start_factor=0.1, end=2, by_epoch=False),
                         dict(type='MultiStepLR', milestones=[3], end=4, by_epoch=True)],
        default_hooks=dict(checkpoint=dict(type='CheckpointHook', interval=1, save_best='toy/acc',
                                           rule='greater'),
                           logger=dict(type='LoggerHook', interval=1)),
        randomness=dict(seed=0), resume=resume, log_level='ERROR',
        default_scope='mmaction', experiment_name=f'{work_dir.name}_{epochs}_{resume}')
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
    checkpoint = torch.load(tmp_path / 'run' / 'epoch_2.pth', weights_only=True)
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


def test_code_in_a_checkpoint_is_refused(tmp_path):
    trace = tmp_path / 'ran'
    path = tmp_path / 'evil.pth'
    torch.save(dict(state_dict={}, meta=Attack(os.system, f'touch {trace}')), path)
    with pytest.raises(pickle.UnpicklingError, match='system'):
        torch.load(path)
    assert not trace.exists()
    torch.load(path, weights_only=False)  # the attack itself works
    assert trace.exists()


@pytest.mark.parametrize('owner, name', [(HistoryBuffer, '__init__'), (HistoryBuffer, 'update'),
                                         (np.ndarray, 'tofile'), (np.ndarray, 'mean')])
@pytest.mark.parametrize('protocol', [2, 4])
def test_getattr_in_a_checkpoint_is_refused(tmp_path, owner, name, protocol):
    path = tmp_path / 'evil.pth'
    torch.save(dict(meta=Attack(getattr, owner, name)), path, pickle_protocol=protocol)
    with pytest.raises(pickle.UnpicklingError, match='may name only min, max, current, mean'
                       if protocol == 2 else None):
        torch.load(path)


def test_getattr_on_os_cannot_even_be_asked(tmp_path):
    path = tmp_path / 'evil.pth'
    # The pickle of getattr(os, 'system'), written by hand since modules do not pickle.
    body = b'\x80\x02c__builtin__\ngetattr\ncos\nenviron\nX\x06\x00\x00\x00system\x86R.'
    path.write_bytes(body)
    with pytest.raises(pickle.UnpicklingError):
        torch.load(path)


@pytest.mark.parametrize('name', ['min', 'max', 'current', 'mean'])
def test_the_four_statistics_are_answered(name):
    assert checkpoints.history_getattr(HistoryBuffer, name) is getattr(HistoryBuffer, name)


def test_inert_before_torch_2_6(monkeypatch):
    monkeypatch.setattr(torch, '__version__', '2.5.1+cu121')
    monkeypatch.setattr(torch.serialization, 'add_safe_globals',
                        lambda entries: pytest.fail('safe globals were added'))
    assert checkpoints.apply() == compat.Cure(checkpoints.NAME, False,
                                              'torch 2.5.1+cu121 loads with weights_only=False')
