"""Whole runs that go wrong: killed in a save, on a full disk, with losses that are no numbers."""

import shutil
import subprocess

import pytest
import torch

import egoexo_mm  # noqa: F401
from tests.training.runs import HOST_TOOLS, OUR_TOOLS, log, train, weights

CONFIG = 'tests/data/toy_run.py'
# MMAction2's scripts do the same; they run on demand
TOOLS = [
    pytest.param(OUR_TOOLS, id='ours'),
    pytest.param(HOST_TOOLS, id='mmaction2', marks=pytest.mark.slow),
]


def sentence(output: str, start: str) -> str:
    """The one line that has ``start``; there is no traceback."""
    lines = [line for line in output.splitlines() if start in line]
    assert len(lines) == 1, output[-3000:]
    assert 'Traceback' not in output
    return lines[0]


@pytest.fixture(scope='module')
def uninterrupted(tmp_path_factory):
    work = tmp_path_factory.mktemp('whole') / 'work'
    train(CONFIG, work)
    return work


@pytest.mark.parametrize('tools', TOOLS)
def test_killed_in_a_save_and_moved(uninterrupted, tmp_path, tools):
    """SIGKILL while epoch_2.pth is written; the run resumes elsewhere with equal weights."""
    work, moved = tmp_path / 'work', tmp_path / 'moved'
    train(CONFIG, work, tools=tools, fails=True, TOY_FAULT='kill:2')
    assert {path.name for path in work.glob('*.pth')} == {'epoch_1.pth'}
    assert len(list(work.glob('.epoch_2-*.partial'))) == 1
    work.rename(moved)
    assert str(work) in (moved / 'last_checkpoint').read_text()
    output = train(CONFIG, moved, tools=tools, flags=('--resume',))
    assert f'resumed from the latest checkpoint {moved}/epoch_1.pth' in output
    assert not list(moved.glob('.*.partial')) and not work.exists()
    for name, value in weights(uninterrupted, 3).items():
        assert torch.equal(weights(moved, 3)[name], value), name


@pytest.mark.slow
@pytest.mark.parametrize('tools', TOOLS)
def test_damaged_and_missing_checkpoints(uninterrupted, tmp_path, tools):
    work = tmp_path / 'work'
    shutil.copytree(uninterrupted, work)
    (work / 'epoch_2.pth').write_bytes((work / 'epoch_2.pth').read_bytes()[:-1000])
    (work / 'epoch_3.pth').unlink()
    output = train(CONFIG, work, tools=tools, fails=True, flags=('--resume', work / 'epoch_2.pth'))
    assert sentence(output, f'error: {work}/epoch_2.pth is damaged')
    output = train(CONFIG, work, tools=tools, flags=('--resume',))
    assert (
        f'Resuming from {work}/epoch_1.pth, because {work}/epoch_3.pth is missing; '
        f'{work}/epoch_2.pth is damaged' in output
    )
    for name, value in weights(uninterrupted, 3).items():
        assert torch.equal(weights(work, 3)[name], value), name


@pytest.mark.slow
@pytest.mark.parametrize('tools', TOOLS)
def test_full_disk(tmp_path, tools):
    if subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', tmp_path], capture_output=True
    ).returncode:
        pytest.skip('mounting a small file system needs root')
    try:
        output = train(CONFIG, tmp_path, 'model.weights=100000', tools=tools, fails=True)
        said = sentence(
            output, f'error: {tmp_path}/epoch_3.pth: cannot be written (No space left on device)'
        )
        assert said.endswith(f'the last good checkpoint is {tmp_path}/epoch_2.pth')
        assert {path.name for path in tmp_path.glob('*.pth')} == {'epoch_1.pth', 'epoch_2.pth'}
        assert not list(tmp_path.glob('.*'))
        (tmp_path / 'epoch_1.pth').unlink()
        train(CONFIG, tmp_path, 'model.weights=100000', tools=tools, flags=('--resume',))
        assert len(weights(tmp_path, 3)['ballast']) == 100_000
    finally:
        subprocess.run(['umount', '--lazy', tmp_path], check=True)


@pytest.mark.parametrize('tools', TOOLS)
def test_a_loss_that_is_no_number(tmp_path, tools):
    """Sample 3 is in batch 2 of 3; the check of the epoch finds it before the checkpoint."""
    output = train(CONFIG, tmp_path, 'train_dataloader.dataset.bad=[3]', tools=tools, fails=True)
    said = sentence(output, 'ERROR')
    assert (
        'epoch 1, step 2 of 3 (iteration 2): the loss is nan; not finite: loss_cls nan; finite: '
        'loss_size' in said
    )
    assert 'videos of the batch: clips/2.mp4, clips/3.mp4; no checkpoint was saved before' in said
    assert not list(tmp_path.glob('*.pth'))


@pytest.mark.slow
def test_off_by_one_line(tmp_path):
    output = train(
        CONFIG, tmp_path, 'train_dataloader.dataset.bad=[3]', 'default_hooks.finite_loss.action=off'
    )
    assert 'ERROR' not in output and (tmp_path / 'epoch_3.pth').exists()


@pytest.mark.slow
@pytest.mark.parametrize('tools', TOOLS)
def test_two_processes_end_together(tmp_path, tools):
    """12 samples on two ranks: 7 comes to rank 1 in its second batch, where rank 0 has numbers."""
    output = train(
        CONFIG,
        tmp_path,
        'train_dataloader.dataset.bad=[7]',
        'train_dataloader.dataset.num_clips=12',
        procs=2,
        tools=tools,
        fails=True,
    )
    lines = [line for line in output.splitlines() if 'mmengine - ERROR' in line]
    assert len(lines) == 1, output[-3000:]
    assert 'process 1, epoch 1, step 2 of 3 (iteration 2): the loss is nan' in lines[0]
    assert 'videos of the batch: clips/5.mp4, clips/7.mp4' in lines[0]
    assert not list(tmp_path.glob('*.pth'))


@pytest.mark.slow
def test_two_processes_skip_together(tmp_path):
    """Both leave the step out and train on; their weights stay equal to one process's."""
    options = (
        'train_dataloader.dataset.bad=[7]',
        'train_dataloader.dataset.num_clips=12',
        'default_hooks.finite_loss.action=skip',
        'model_wrapper_cfg.type=MMDistributedDataParallel',
        'model_wrapper_cfg.broadcast_buffers=False',
    )
    output = train(CONFIG, tmp_path, *options, procs=2)
    assert output.count('this step is left out (1 in a row, of at most 3)') == 3  # once an epoch
    state = weights(tmp_path, 3)
    assert all(value.isfinite().all() for value in state.values())
    assert state['norm.num_batches_tracked'] == 6  # of nine steps


@pytest.mark.slow
def test_parameters_without_gradient_on_two_processes(tmp_path):
    output = train(CONFIG, tmp_path / 'a', 'model.unused=True', procs=2, fails=True)
    lines = [line for line in output.splitlines() if '2 parameters get no gradient' in line]
    assert len(lines) == 1, output[-3000:]
    assert '(layer4.weight, layer4.bias)' in lines[0]
    assert 'set find_unused_parameters=True in the config' in lines[0]
    assert 'Expected to have finished reduction' not in output
    train(
        CONFIG,
        tmp_path / 'b',
        'model.unused=True',
        'find_unused_parameters=True',
        'train_dataloader.dataset.num_clips=8',
        procs=2,
    )
    assert (tmp_path / 'b' / 'epoch_3.pth').exists()


@pytest.mark.slow
def test_parameters_without_gradient_on_one_process(tmp_path):
    output = train(CONFIG, tmp_path, 'model.unused=True')
    assert (
        '2 parameters get no gradient from any loss (layer4.weight, layer4.bias); training on '
        'several' in output
    )
    assert len(log(tmp_path)) == 9
