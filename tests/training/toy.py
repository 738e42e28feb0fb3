"""A model and data that train in a moment, for runs in which something goes wrong.

Configured by ``tests/data/toy_run.py``. ``TOY_FAULT`` has a save fail: ``kill:K`` ends the process
with SIGKILL when half of the K-th checkpoint is on the disk.
"""

from __future__ import annotations

import os
import signal

import torch
from mmaction.registry import DATASETS, METRICS, MODELS
from mmengine.dataset import BaseDataset
from mmengine.evaluator import BaseMetric
from mmengine.model import BaseModel
from mmengine.structures import BaseDataElement


@DATASETS.register_module()
class ToyClips(BaseDataset):
    """Six samples; those in ``bad`` are NaN and those in ``huge`` make an infinite loss."""

    def __init__(self, *, bad: tuple = (), huge: tuple = (), num_clips: int = 6, **kwargs) -> None:
        self.bad, self.huge, self.num_clips = bad, huge, num_clips
        super().__init__(lazy_init=False, serialize_data=False, **kwargs)

    def load_data_list(self) -> list[dict]:
        return [dict(index=i) for i in range(self.num_clips)]

    def prepare_data(self, idx: int) -> dict:
        idx = self.get_data_info(idx)['index']  # of the whole list
        x = torch.tensor([idx / 6, 1 - idx / 6, 0.5, 1.0])
        x = x * float('nan') if idx in self.bad else x * 1e30 if idx in self.huge else x
        return dict(
            inputs=x, data_samples=BaseDataElement(metainfo=dict(filename=f'clips/{idx}.mp4'))
        )


@MODELS.register_module()
class ToyRecognizer(BaseModel):
    """Two losses of a linear layer behind a batch norm; ``weights`` numbers make files large."""

    def __init__(
        self, *, unused: bool = False, weights: int = 0, nan_gradient_at: int = -1, **kwargs
    ) -> None:
        super().__init__(**kwargs)
        self.norm = torch.nn.BatchNorm1d(4)
        self.fc = torch.nn.Linear(4, 1)
        self.register_buffer('ballast', torch.rand(weights))
        if unused:
            self.layer4 = torch.nn.Linear(2, 2)
        self.steps, self.nan_gradient_at = 0, nan_gradient_at

    def forward(self, inputs, data_samples=None, mode='loss'):
        out = self.fc(self.norm(torch.stack(list(inputs))))
        if mode != 'loss':
            return list(out)
        self.steps += 1
        fit = (out - 1).square().mean()
        if self.steps == self.nan_gradient_at:  # the slope of sqrt at 0 is infinite, times 0 NaN
            fit = fit + ((out - out) ** 2).sum().sqrt()
        return dict(
            loss_cls=fit, loss_size=0.1 * self.fc.weight.square().mean(), top1_acc=torch.tensor(0.5)
        )


@METRICS.register_module()
class ToyMetric(BaseMetric):
    """Rises with every validation."""

    default_prefix = 'toy'
    calls = 0

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        ToyMetric.calls += 1
        return dict(acc=float(ToyMetric.calls))


def _inject(fault: str) -> None:
    kind, _, when = fault.partition(':')
    assert kind == 'kill', fault
    fsync, seen = os.fsync, [0]

    def fsync_or_die(handle):
        path = os.readlink(f'/proc/self/fd/{handle}')
        if '.pth' in path or '.partial' in path:
            seen[0] += os.path.getsize(path) > 1000  # not last_checkpoint
            if seen[0] == int(when):
                os.truncate(path, os.path.getsize(path) // 2)
                os.kill(os.getpid(), signal.SIGKILL)
        fsync(handle)

    os.fsync = fsync_or_die


if os.environ.get('TOY_FAULT'):
    _inject(os.environ['TOY_FAULT'])
