"""Distributed runs without CUDA.

Broken: mmengine calls ``torch.cuda.set_device`` whatever the backend, its default backend is nccl,
and ``Runner.wrap_model`` hands the local rank to DDP as a device id. Each of them ends a run on a
machine without CUDA.
Workaround: on such a machine ``set_device`` does nothing while mmengine starts the process group,
nccl becomes gloo, and DDP gets ``device_ids=None``. Under Slurm a missing ``SLURM_LOCALID`` no
longer divides by zero GPUs. The process group is left before the interpreter ends: mmengine never
leaves it, and a process on gloo was seen to abort at its end ("terminate called without an active
exception") with all its work done.
Inactive: where mmengine finds CUDA or another accelerator: nothing is patched.
Delete: once mmengine does all of this itself.
"""

from __future__ import annotations

import atexit
import contextlib
import functools
import os
from collections.abc import Callable, Iterator
from typing import Any

from .workaround import Workaround, wrap

NAME = 'distributed runs without CUDA'


def apply() -> Workaround:
    """Patch mmengine's three launchers and ``Runner.wrap_model`` where there is no accelerator."""
    import torch
    from mmengine.device import get_device

    if torch.cuda.is_available() or get_device() not in ('cpu', 'mps'):
        return Workaround(NAME, False, f'mmengine runs on {get_device()}')

    import mmengine.dist.utils as dist_utils
    from mmengine.runner import Runner

    for launcher in ('pytorch', 'mpi', 'slurm'):
        name = f'_init_dist_{launcher}'
        setattr(dist_utils, name, _without_cuda(getattr(dist_utils, name)))
    wrap(Runner, 'wrap_model', _wrap_on_cpu)
    return Workaround(
        NAME, True, 'no CUDA: process groups start on gloo and DDP gets no device ids'
    )


@contextlib.contextmanager
def _set_device_ignored() -> Iterator[None]:
    """``torch.cuda.set_device`` does nothing inside this block (there is no device to set)."""
    import torch

    original = torch.cuda.set_device
    torch.cuda.set_device = lambda device: None
    try:
        yield
    finally:
        torch.cuda.set_device = original


def _without_cuda(start: Callable) -> Callable:

    @functools.wraps(start)
    def start_on_cpu(backend: str, *args: Any, **kwargs: Any) -> None:
        if backend == 'nccl':
            backend = 'gloo'
            _say_once('No CUDA here: the nccl backend is replaced by gloo.')
        if start.__name__ == '_init_dist_slurm' and 'SLURM_PROCID' in os.environ:
            # Without it mmengine takes the rank modulo the number of GPUs, which is zero here. No
            # device depends on it.
            os.environ.setdefault('SLURM_LOCALID', os.environ['SLURM_PROCID'])
        with _set_device_ignored():
            start(backend, *args, **kwargs)
        atexit.register(_leave_group)

    return start_on_cpu


def _leave_group() -> None:
    import torch.distributed

    if torch.distributed.is_initialized():
        torch.distributed.destroy_process_group()


def _say_once(message: str) -> None:
    """Log on the first process only, which the launcher's variables tell before a group exists."""
    from mmengine.logging import print_log

    ranks = ('RANK', 'SLURM_PROCID', 'OMPI_COMM_WORLD_RANK')
    rank = next((os.environ[name] for name in ranks if name in os.environ), '0')
    if rank == '0':
        print_log(message, logger='current')


def _wrap_on_cpu(wrap_model: Callable, runner: Any, model_wrapper_cfg: Any, model: Any) -> Any:
    from mmengine.model import is_model_wrapper

    if runner.distributed and not is_model_wrapper(model):
        model_wrapper_cfg = _cpu_wrapper_cfg(model_wrapper_cfg, runner.cfg)
    return wrap_model(runner, model_wrapper_cfg, model)


def _cpu_wrapper_cfg(model_wrapper_cfg: dict | None, cfg: Any) -> dict:
    """The wrapper config with ``device_ids=None``; without one, mmengine's defaults for DDP."""
    from mmengine.registry import MODEL_WRAPPERS
    from torch.nn.parallel import DistributedDataParallel

    if model_wrapper_cfg is None:
        return {
            'type': 'MMDistributedDataParallel',
            'device_ids': None,
            'broadcast_buffers': False,
            'find_unused_parameters': cfg.get('find_unused_parameters', False),
        }
    kind = model_wrapper_cfg.get('type', 'MMDistributedDataParallel')
    wrapper = MODEL_WRAPPERS.get(kind) if isinstance(kind, str) else kind
    if isinstance(wrapper, type) and issubclass(wrapper, DistributedDataParallel):
        model_wrapper_cfg.setdefault('device_ids', None)
    return model_wrapper_cfg
