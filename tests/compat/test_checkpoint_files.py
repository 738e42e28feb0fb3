"""Checkpoints appear complete or not at all, and older ones go when the new one is there."""

import errno
import os
import resource
import shutil
import subprocess

import pytest
from mmengine.fileio import LocalBackend

from egoexo_mm import atomic_files
from egoexo_mm.checkpoints.reading import read_checkpoint
from egoexo_mm.errors import RunError
from tests.compat.toy_runner import files, toy_run

KEEP_ONE = dict(default_hooks__checkpoint__max_keep_ckpts=1)


def no_room_after(monkeypatch, saves: int) -> None:
    """The disk is full when the next file after ``saves`` checkpoints is synced."""
    sync, seen = atomic_files._sync, []

    def full(path):
        if str(path).endswith('.partial') and os.path.getsize(path) > 1000:
            seen.append(path)
            if len(seen) > saves:
                raise OSError(errno.ENOSPC, 'No space left on device')
        sync(path)

    monkeypatch.setattr(atomic_files, '_sync', full)


def test_a_full_disk_leaves_the_older_checkpoint_and_one_sentence(tmp_path, monkeypatch):
    """mmengine removes epoch_1.pth before it writes epoch_2.pth (max_keep_ckpts=1)."""
    no_room_after(monkeypatch, saves=1)
    with pytest.raises(RunError) as stop:
        toy_run(tmp_path, **KEEP_ONE)
    assert files(tmp_path) == {'epoch_1.pth', 'last_checkpoint'}
    assert (tmp_path / 'last_checkpoint').read_text() == str(tmp_path / 'epoch_1.pth')
    read_checkpoint(tmp_path / 'epoch_1.pth')
    message = str(stop.value)
    assert message.startswith(
        f'{tmp_path}/epoch_2.pth: cannot be written (No space left on device)'
    )
    assert message.endswith(f'the last good checkpoint is {tmp_path}/epoch_1.pth')
    assert '\n' not in message


def test_a_limit_on_file_sizes(tmp_path):
    """A real failing write(), in the middle of the file."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, before[1]))
    try:
        with pytest.raises(
            RunError,
            match=r'epoch_1\.pth: cannot be written \(File too large\).*'
            'there is no checkpoint yet',
        ):
            toy_run(tmp_path, model__weights=100_000)  # 400 kB
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert files(tmp_path) == set()


def test_a_small_file_system(tmp_path):
    disk = tmp_path / 'disk'
    disk.mkdir()
    if subprocess.run(
        ['mount', '-t', 'tmpfs', '-o', 'size=1m', 'tmpfs', disk], capture_output=True
    ).returncode:
        pytest.skip('mounting a small file system needs root')
    try:
        with pytest.raises(
            RunError, match=r'epoch_\d\.pth: cannot be written \(No space left on device\)'
        ):
            toy_run(disk, model__weights=100_000)  # 400 kB a file
        left = files(disk)
        assert left == {'epoch_1.pth', 'epoch_2.pth', 'last_checkpoint'}
        for name in left - {'last_checkpoint'}:
            assert len(read_checkpoint(disk / name)['state_dict']['ballast']) == 100_000
    finally:
        subprocess.run(['umount', '--lazy', disk], check=True)  # log files are still open


def test_the_previous_best_stays_until_the_next_is_there(tmp_path, monkeypatch):
    best = dict(
        default_hooks__checkpoint__save_best='toy/acc',
        default_hooks__checkpoint__rule='greater',
        train_cfg__val_begin=1,
    )
    no_room_after(monkeypatch, saves=4)  # epoch 1, best 1, epoch 1 with its score, epoch 2
    with pytest.raises(RunError, match='best_toy_acc_epoch_2.pth: cannot be written'):
        toy_run(tmp_path, **best)
    assert files(tmp_path) == {
        'epoch_1.pth',
        'epoch_2.pth',
        'best_toy_acc_epoch_1.pth',
        'last_checkpoint',
    }
    monkeypatch.undo()
    toy_run(tmp_path, resume=True, **best)
    assert files(tmp_path) == {
        'epoch_1.pth',
        'epoch_2.pth',
        'epoch_3.pth',
        'best_toy_acc_epoch_3.pth',
        'last_checkpoint',
    }


def test_as_many_are_kept_as_asked_for(tmp_path):
    toy_run(tmp_path, epochs=4, default_hooks__checkpoint__max_keep_ckpts=2)
    assert files(tmp_path) == {'epoch_3.pth', 'epoch_4.pth', 'last_checkpoint'}


def test_a_copied_run_leaves_the_best_of_the_original(tmp_path):
    """mmengine removes the previous best by the path that the checkpoint names."""
    best = dict(
        default_hooks__checkpoint__save_best='toy/acc',
        default_hooks__checkpoint__rule='greater',
        train_cfg__val_begin=1,
    )
    toy_run(tmp_path / 'one', epochs=1, **best)
    shutil.copytree(tmp_path / 'one', tmp_path / 'two')
    toy_run(tmp_path / 'two', epochs=2, resume=True, **best)
    assert 'best_toy_acc_epoch_1.pth' in files(tmp_path / 'one')
    assert {name for name in files(tmp_path / 'two') if 'best' in name} == {
        'best_toy_acc_epoch_2.pth'
    }


def test_what_a_killed_save_left_is_removed(tmp_path):
    toy_run(tmp_path, epochs=1)
    (tmp_path / '.epoch_2-abc.partial').write_bytes(b'half')
    (tmp_path / '.hidden').write_bytes(b'of the user')
    toy_run(tmp_path, epochs=2, resume=True)
    assert files(tmp_path) == {'epoch_1.pth', 'epoch_2.pth', 'last_checkpoint', '.hidden'}


def test_put_follows_links_and_keeps_the_file_mode(tmp_path):
    (tmp_path / 'real').mkdir()
    (tmp_path / 'link.pth').symlink_to(tmp_path / 'real' / 'file.pth')
    LocalBackend().put(b'abc', tmp_path / 'link.pth')
    assert (tmp_path / 'link.pth').is_symlink()
    assert (tmp_path / 'real' / 'file.pth').read_bytes() == b'abc'
    (tmp_path / 'plain').write_bytes(b'')
    assert (tmp_path / 'real' / 'file.pth').stat().st_mode == (tmp_path / 'plain').stat().st_mode
    LocalBackend().put(b'abc', '/dev/null')  # no file: as before
    assert not os.path.isfile('/dev/null')


def test_other_errors_stay_as_they_are(tmp_path):
    with pytest.raises(FileExistsError):  # a file where the work dir should be
        (tmp_path / 'file').write_text('')
        toy_run(tmp_path / 'file')
