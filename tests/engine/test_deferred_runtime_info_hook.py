"""The log of MMEngine's hook, with one read of the device per log line."""

from types import SimpleNamespace

import pytest
import torch
from mmengine.hooks import CheckpointHook, LoggerHook, RuntimeInfoHook
from mmengine.logging import MessageHub

from egoexo_mm.engine import DeferredRuntimeInfoHook


class Watched(torch.Tensor):
    """Counts how often the host reads it."""

    reads = 0

    def item(self):
        Watched.reads += 1
        return super().item()

    def tolist(self):
        Watched.reads += 1
        return super().tolist()


def run(hook, name, interval=4, steps=(10, 10), others=()):
    """The histories after two epochs, and the reads of every step."""
    hub = MessageHub(name)
    runner = SimpleNamespace(
        message_hub=hub,
        hooks=[LoggerHook(interval=interval), *others],
        epoch=0,
        iter=0,
        max_epochs=2,
        max_iters=20,
        train_dataloader=SimpleNamespace(dataset=None),
        experiment_name='x',
    )
    hook.before_train(runner)
    reads = []
    for length in steps:
        runner.train_dataloader = [None] * length
        for batch in range(length):
            Watched.reads = 0
            loss = torch.tensor(runner.iter / 7).as_subclass(Watched)
            half = torch.tensor(runner.iter / 3, dtype=torch.bfloat16).as_subclass(Watched)
            hook.after_train_iter(
                runner, batch, outputs=dict(loss=loss, half=half, count=runner.iter)
            )
            reads.append(Watched.reads)
            runner.iter += 1
    hook.after_train(runner)
    return {key: value.data[0].tolist() for key, value in hub.log_scalars.items()}, reads


def test_same_history_with_fewer_reads():
    expected, always = run(RuntimeInfoHook(), 'host')
    found, reads = run(DeferredRuntimeInfoHook(), 'ours')
    assert (
        found == expected
        and len(found['train/loss']) == 20
        and found['train/loss'][3] == pytest.approx(3 / 7)
    )
    assert always == [2] * 20  # two tensors a step
    # steps 4, 8, 10 of each epoch (log lines and its end) and steps 12, 16, 20 of the run:
    # one read for each of two types
    assert [step + 1 for step, count in enumerate(reads) if count] == [4, 8, 10, 12, 14, 16, 18, 20]
    assert set(reads) == {0, 2}


def test_checkpoints_by_iteration_have_their_history():
    _, reads = run(
        DeferredRuntimeInfoHook(),
        'checkpoints',
        100,
        others=[CheckpointHook(interval=3, by_epoch=False)],
    )
    assert {step + 1 for step, count in enumerate(reads) if count} >= {3, 6, 9, 12, 15, 18}
