"""A distributed run with mmengine's default settings on a machine without CUDA."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from egoexo_mm import compat
from egoexo_mm.compat import cpu_dist

ROOT = str(Path(cpu_dist.__file__).absolute().parents[2])
without_cuda = pytest.mark.skipif(torch.cuda.is_available(), reason='inactive with CUDA')

TRAIN = """
import json, sys
import torch
from egoexo_mm import compat
compat.apply()
import torch.distributed as dist
from mmengine.model import BaseModel
from mmengine.runner import Runner


class Toy(BaseModel):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(2, 1)

    def forward(self, inputs, mode):
        return dict(loss=(self.linear(torch.stack(inputs)) - 1).pow(2).mean())


def main(work_dir):
    data = [torch.tensor([i / 8, 1.]) for i in range(8)]
    report = []
    for name, wrapper in (('default', None), ('given', dict(find_unused_parameters=True))):
        torch.manual_seed(0)
        runner = Runner(
            model=Toy(), work_dir=work_dir, experiment_name=name, launcher='pytorch',
            cfg=dict(model_wrapper_cfg=wrapper) if wrapper else dict(),
            train_dataloader=dict(batch_size=2, dataset=data,
                                  sampler=dict(type='DefaultSampler', shuffle=False),
                                  collate_fn=lambda batch: dict(inputs=batch)),
            train_cfg=dict(by_epoch=True, max_epochs=2),
            optim_wrapper=dict(optimizer=dict(type='SGD', lr=0.1)), randomness=dict(seed=0))
        runner.train()
        weight = runner.model.module.linear.weight.detach().flatten()
        ranks = [torch.zeros(2) for _ in range(dist.get_world_size())]
        dist.all_gather(ranks, weight)
        report.append(dict(
            backend=dist.get_backend(), type=type(runner.model).__name__, iters=runner.iter,
            device_ids=runner.model.device_ids, buffers=runner.model.broadcast_buffers,
            unused=runner.model.find_unused_parameters, weights=[r.tolist() for r in ranks]))
    if dist.get_rank() == 0:
        print('REPORT' + json.dumps(report))


main(sys.argv[1])
"""

LAUNCH = """
import os
from egoexo_mm import compat
compat.apply()
import torch, torch.distributed as dist
from mmengine.dist import init_dist
set_device = torch.cuda.set_device
init_dist(os.environ['LAUNCHER'])
assert torch.cuda.set_device is set_device
print('REPORT', dist.get_backend(), dist.get_rank(), dist.get_world_size(), os.environ['RANK'],
      os.environ.get('LOCAL_RANK'))
dist.destroy_process_group()
"""


def start(command, **environ):
    environ = dict(os.environ, PYTHONPATH=ROOT, OMP_NUM_THREADS='1', **environ)
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout + done.stderr


def serial_weights():
    """The same training in plain torch: two ranks of two samples are a batch of four."""
    torch.manual_seed(0)
    linear = torch.nn.Linear(2, 1)
    data = torch.stack([torch.tensor([i / 8, 1.0]) for i in range(8)])
    for _ in range(2):
        for batch in (data[:4], data[4:]):
            linear.zero_grad()
            (linear(batch) - 1).pow(2).mean().backward()
            with torch.no_grad():
                for parameter in linear.parameters():
                    parameter -= 0.1 * parameter.grad
    return linear.weight.detach().flatten().tolist()


@without_cuda
def test_torchrun_with_default_settings(tmp_path):
    script = tmp_path / 'train.py'
    script.write_text(TRAIN)
    output = start(
        [
            sys.executable,
            '-m',
            'torch.distributed.run',
            '--nproc_per_node=2',
            '--master_port=29817',
            str(script),
            str(tmp_path / 'work'),
        ]
    )
    report = output.split('REPORT')[1].splitlines()[0]
    default, given = json.loads(report)
    expected = serial_weights()
    for run, unused in ((default, False), (given, True)):
        assert run['backend'] == 'gloo'
        assert run['type'] == 'MMDistributedDataParallel'
        assert run['device_ids'] is None
        assert run['unused'] is unused
        assert run['iters'] == 4
        assert run['weights'][0] == run['weights'][1] == pytest.approx(expected, abs=1e-6)
    assert default['buffers'] is False  # mmengine's own default, where no wrapper is given
    assert output.count('nccl backend is replaced by gloo') == 1


@without_cuda
@pytest.mark.parametrize(
    'launcher, environ',
    [
        ('slurm', dict(SLURM_PROCID='0', SLURM_NTASKS='1', SLURM_NODELIST='localhost')),
        (
            'mpi',
            dict(
                OMPI_COMM_WORLD_LOCAL_RANK='0', OMPI_COMM_WORLD_SIZE='1', OMPI_COMM_WORLD_RANK='0'
            ),
        ),
    ],
)
def test_other_launchers(launcher, environ):
    output = start(
        [sys.executable, '-c', LAUNCH],
        LAUNCHER=launcher,
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT='29818',
        **environ,
    )
    local_rank = '0' if launcher == 'slurm' else 'None'
    assert f'REPORT gloo 0 1 0 {local_rank}' in output


def test_inert_with_cuda(monkeypatch):
    from mmengine.dist import utils as dist_utils
    from mmengine.runner import Runner

    before = Runner.wrap_model, dist_utils._init_dist_pytorch
    monkeypatch.setattr(torch.cuda, 'is_available', lambda: True)
    assert not cpu_dist.apply().active
    assert (Runner.wrap_model, dist_utils._init_dist_pytorch) == before


def test_set_device_is_back_after_a_failed_start():
    original = torch.cuda.set_device

    def fails(backend):
        torch.cuda.set_device(3)
        raise RuntimeError('no route to the master')

    with pytest.raises(RuntimeError, match='no route'):
        cpu_dist._without_cuda(fails)('gloo')
    assert torch.cuda.set_device is original


def test_wrapper_config_keeps_what_was_asked():
    cfg = dict(find_unused_parameters=True)
    assert cpu_dist._cpu_wrapper_cfg(None, cfg) == dict(
        type='MMDistributedDataParallel',
        device_ids=None,
        broadcast_buffers=False,
        find_unused_parameters=True,
    )
    assert cpu_dist._cpu_wrapper_cfg(dict(static_graph=True), cfg) == dict(
        static_graph=True, device_ids=None
    )
    # A wrapper that is no DDP takes no device ids.
    assert cpu_dist._cpu_wrapper_cfg(dict(type='MMFullyShardedDataParallel'), cfg) == dict(
        type='MMFullyShardedDataParallel'
    )


def test_applied_here():
    compat.apply()
    names = [one.name for one in compat.active_workarounds()]
    assert cpu_dist.NAME in names


def test_group_is_left(tmp_path):
    torch.distributed.init_process_group(
        'gloo', init_method=f'file://{tmp_path}/store', rank=0, world_size=1
    )
    for _ in range(2):  # the second time there is none to leave
        cpu_dist._leave_group()
        assert not torch.distributed.is_initialized()
