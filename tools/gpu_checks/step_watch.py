"""A hook that measures steps or test videos of a run: time, wait, memory, host syncs."""

from __future__ import annotations

import json
import time
import warnings
from pathlib import Path

import torch
from mmaction.registry import HOOKS
from mmengine.dist import get_world_size, master_only
from mmengine.hooks import Hook
from mmengine.runner import Runner


class SyncCounter:
    """Counts operations that make the host wait for the GPU (``set_sync_debug_mode`` of torch).

    Attributes:
        found: what was reported since ``start``: the line of Python that waited.
    """

    def __init__(self) -> None:
        self.found: list[str] = []

    def start(self) -> None:
        """Begin to count."""
        self.found = []
        if torch.cuda.is_available():
            self._catch = warnings.catch_warnings(record=True)
            self._caught = self._catch.__enter__()
            warnings.simplefilter('always')
            torch.cuda.set_sync_debug_mode('warn')

    def stop(self) -> list[str]:
        """Stop, and say what waited."""
        if torch.cuda.is_available():
            torch.cuda.set_sync_debug_mode('default')
            self._catch.__exit__(None, None, None)
            self.found = [
                f'{Path(warning.filename).name}:{warning.lineno}'
                for warning in self._caught
                if 'synchronizing CUDA operation' in str(warning.message)
            ]
        return self.found


@HOOKS.register_module()
class StepWatchHook(Hook):
    """Measure a run and end its training in time.

    It runs last, so that a measured step reaches from the data being there to the end of all other
    hooks.

    Args:
        out: JSON file for the figures.
        seconds: of training in steps that are timed; it then ends with one more step. None: do not
            end it.
        warm: steps before; the ``counted`` steps that follow them count host syncs, and are not
            timed either.
        counted: see there.
    """

    priority = 'LOWEST'

    def __init__(
        self, out: str, seconds: float | None = None, warm: int = 10, counted: int = 22
    ) -> None:
        self.out, self.seconds, self.untimed, self.warm = Path(out), seconds, warm + counted, warm
        self.steps = self.clips = 0
        self.waited = 0.0
        self.syncs: list[int] = []
        self.places: dict[str, int] = {}
        self._counter = SyncCounter()
        self._first = self._last = None

    def before_train(self, runner: Runner) -> None:
        """Measure memory from here on."""
        if torch.cuda.is_available():
            torch.cuda.reset_peak_memory_stats()

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: object = None) -> None:
        """The data are there."""
        if self._first is not None:
            self.waited += time.perf_counter() - self._last
        if self.warm <= self.steps < self.untimed:
            self._counter.start()

    def after_train_iter(
        self,
        runner: Runner,
        batch_idx: int,
        data_batch: dict | None = None,
        outputs: dict | None = None,
    ) -> None:
        """A step is over, all its other hooks included."""
        inputs = data_batch['inputs']
        self._step(len(inputs['frames'] if isinstance(inputs, dict) else inputs))
        if (
            self._first is not None
            and self.seconds is not None
            and self._last - self._first > self.seconds
        ):
            runner.train_loop._max_iters = min(
                runner.iter + 2, runner.max_iters
            )  # a checkpoint hook sees the end come
            self.seconds = None

    def after_train(self, runner: Runner) -> None:
        """Write the figures."""
        losses = list(runner.message_hub.get_scalar('train/loss').data[0])
        self._write(runner, kind='training', first_loss=losses[0], last_loss=losses[-1])

    before_test, before_test_iter, after_test_iter = (
        before_train,
        before_train_iter,
        after_train_iter,
    )

    def after_test(self, runner: Runner) -> None:
        """Write the figures."""
        self._write(runner, kind='testing')

    def _step(self, clips: int) -> None:
        if self.warm <= self.steps < self.untimed:
            found = self._counter.stop()
            self.syncs.append(len(found))
            for place in found:
                self.places[place] = self.places.get(place, 0) + 1
        self.steps += 1
        if self.steps == self.untimed:
            _synchronize()  # the device starts the timed steps together with the host
            self._first = time.perf_counter()
        elif self.steps > self.untimed:
            self.clips += clips
        self._last = time.perf_counter()

    @master_only
    def _write(self, runner: Runner, **fields: object) -> None:
        _synchronize()
        cuda = torch.cuda.is_available()
        spent = time.perf_counter() - self._first if self.clips else None
        ordinary = sorted(self.syncs)[len(self.syncs) // 2] if self.syncs and cuda else None
        self.out.write_text(
            json.dumps(
                dict(
                    fields,
                    iter=runner.iter,
                    timed_steps=max(self.steps - self.untimed, 0),
                    ranks=get_world_size(),
                    clips_per_s=self.clips * get_world_size() / spent if spent else None,
                    waiting=self.waited / spent if spent else None,
                    peak_gib=torch.cuda.max_memory_allocated() / 2**30 if cuda else None,
                    syncs_per_step=ordinary,
                    syncs=self.syncs,
                    sync_places=self.places,
                ),
                indent=2,
            )
            + '\n'
        )


def _synchronize() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()
