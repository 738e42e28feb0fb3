"""``--resume`` finds the newest good checkpoint, in the run's own folder."""

import shutil
import zipfile

import mmengine.runner
import pytest
import torch

from egoexo_mm.checkpoints.reading import read_checkpoint
from egoexo_mm.checkpoints.resumable import newest_checkpoint, why_not_resumable
from egoexo_mm.errors import RunError
from tests.compat.toy_runner import toy_run


def find_latest_checkpoint(path):
    return mmengine.runner.find_latest_checkpoint(path)  # as it is now, whatever was imported first


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """A work dir with epoch_1.pth, epoch_2.pth and epoch_3.pth."""
    root = tmp_path_factory.mktemp('trained')
    toy_run(root, model__weights=50_000)
    return root


@pytest.fixture
def work(trained, tmp_path):
    """A copy of it, somewhere else."""
    shutil.copytree(trained, tmp_path / 'work')
    return tmp_path / 'work'


def cut(path):
    path.write_bytes(path.read_bytes()[:-500])


def halve(path):
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def flip(path):
    """One bit within the weights."""
    with zipfile.ZipFile(path) as archive:
        largest = max(archive.infolist(), key=lambda info: info.file_size)
        content = bytearray(path.read_bytes())
    content[largest.header_offset + 1000] ^= 1
    path.write_bytes(content)
    torch.load(path, weights_only=False)  # does not notice it


def empty(path):
    path.write_bytes(b'')


def garbage(path):
    path.write_bytes(b'no checkpoint' * 100)


def no_training_state(path):
    torch.save(dict(state_dict=read_checkpoint(path)['state_dict'], meta={}), path)


@pytest.mark.parametrize(
    'damage, said',
    [
        (cut, 'is damaged'),
        (halve, 'is damaged'),
        (flip, 'wrong checksum'),
        (empty, 'the file is empty'),
        (garbage, 'is damaged'),
        (no_training_state, 'holds no training state (no message_hub)'),
        (lambda path: path.unlink(), 'is missing'),
    ],
)
def test_the_newest_good_one_is_taken(work, damage, said):
    newest = work / 'epoch_3.pth'
    damage(newest)
    assert said in why_not_resumable(str(newest))
    assert find_latest_checkpoint(str(work)) == str(work / 'epoch_2.pth')
    assert newest_checkpoint(str(work)) == str(work / 'epoch_2.pth')
    run = toy_run(work, resume=True, model__weights=50_000)
    assert run.epoch == 3 and run.iter == 9  # epoch 3 was trained again
    assert why_not_resumable(str(newest)) is None


def test_the_warning_names_what_was_left_out(work, monkeypatch):
    said = []
    monkeypatch.setattr('mmengine.logging.print_log', lambda text, **_: said.append(text))
    halve(work / 'epoch_3.pth')
    halve(work / 'epoch_2.pth')
    (work / 'last_checkpoint').write_text('where/it/was/epoch_3.pth')
    assert find_latest_checkpoint(str(work)) == str(work / 'epoch_1.pth')
    assert said[0].startswith(
        f'Resuming from {work}/epoch_1.pth, because {work}/epoch_3.pth is damaged ('
    )
    assert f'; {work}/epoch_2.pth is damaged (' in said[0]


@pytest.mark.parametrize('recorded', ['', None, '\x00\xff', 'epoch_7.pth'])
def test_without_a_usable_record(work, recorded):
    path = work / 'last_checkpoint'
    path.unlink() if recorded is None else path.write_text(recorded, encoding='latin1')
    assert find_latest_checkpoint(str(work)) == str(work / 'epoch_3.pth')


def test_numbers_are_no_text(work):
    """epoch_10.pth was saved after epoch_9.pth."""
    for source, number in ((1, 9), (2, 10)):
        shutil.copy(work / f'epoch_{source}.pth', work / f'epoch_{number}.pth')
    for number in (1, 2, 3):
        (work / f'epoch_{number}.pth').unlink()
    assert find_latest_checkpoint(str(work)) == str(work / 'epoch_10.pth')


def test_leftovers_of_an_older_run_are_not_newer(work):
    """The time in the file counts: epoch_9.pth is of a run before this one."""
    old = read_checkpoint(work / 'epoch_1.pth')
    old['meta']['time'] = '20200101_000000'
    torch.save(old, work / 'epoch_9.pth')
    halve(work / 'epoch_3.pth')
    assert find_latest_checkpoint(str(work)) == str(work / 'epoch_2.pth')


def test_a_copied_run_resumes_from_its_own_files(trained, tmp_path, monkeypatch):
    """``last_checkpoint`` is relative to where training was started, here of both runs."""
    monkeypatch.chdir(tmp_path)
    shutil.copytree(trained, 'one')
    (tmp_path / 'one' / 'last_checkpoint').write_text('one/epoch_3.pth')
    shutil.copytree('one', 'two')
    assert find_latest_checkpoint('two') == 'two/epoch_3.pth'
    for name in ('epoch_1.pth', 'epoch_2.pth', 'epoch_3.pth'):
        (tmp_path / 'two' / name).unlink()
    with pytest.raises(
        RunError, match=r'two: no checkpoint to resume from: two/epoch_3\.pth is missing'
    ):
        find_latest_checkpoint('two')


def test_checkpoints_in_an_out_dir(trained, tmp_path):
    out = tmp_path / 'out'
    options = dict(
        default_hooks__checkpoint__out_dir=str(out),
        default_hooks__checkpoint__filename_tmpl='ckpt_{}.pth',
    )
    toy_run(tmp_path / 'work', epochs=2, **options)
    assert find_latest_checkpoint(str(tmp_path / 'work')) == str(out / 'work' / 'ckpt_2.pth')
    halve(out / 'work' / 'ckpt_2.pth')
    assert find_latest_checkpoint(str(tmp_path / 'work')) == str(out / 'work' / 'ckpt_1.pth')
    assert toy_run(tmp_path / 'work', resume=True, **options).iter == 9


def test_nothing_to_resume(tmp_path):
    assert find_latest_checkpoint(str(tmp_path)) is None
    (tmp_path / '.epoch_1-x.partial').write_bytes(b'of a killed save')
    (tmp_path / 'best_acc_epoch_1.pth').write_bytes(b'has no optimizer')
    assert find_latest_checkpoint(str(tmp_path)) is None
    assert toy_run(tmp_path, epochs=1, resume=True).iter == 3


def test_all_are_damaged(work):
    for number in (1, 2, 3):
        halve(work / f'epoch_{number}.pth')
    with pytest.raises(RunError) as stop:
        find_latest_checkpoint(str(work))
    assert all(f'epoch_{number}.pth is damaged' in str(stop.value) for number in (1, 2, 3))
    assert 'remove last_checkpoint and the damaged files to start anew' in str(stop.value)


def test_other_storage_is_left_to_the_host(tmp_path):
    (tmp_path / 'last_checkpoint').write_text('s3://bucket/epoch_3.pth\n')
    assert find_latest_checkpoint(str(tmp_path)) == 's3://bucket/epoch_3.pth'


@pytest.mark.parametrize('resume', [True, False])
def test_a_named_file_is_not_replaced(work, resume):
    halve(work / 'epoch_3.pth')
    with pytest.raises(RunError) as stop:
        toy_run(work / 'new', resume=resume, load_from=work / 'epoch_3.pth')
    assert str(stop.value).startswith(f'{work}/epoch_3.pth is damaged')
    with pytest.raises(RunError, match=r'epoch_8\.pth is missing; .*epoch_2\.pth is there'):
        toy_run(work / 'new', resume=resume, load_from=work / 'epoch_8.pth')
    with pytest.raises(RunError, match='is a folder, expected a checkpoint file'):
        toy_run(work / 'new', resume=resume, load_from=work)


def test_iterations(tmp_path):
    options = dict(
        default_hooks__checkpoint__by_epoch=False,
        default_hooks__checkpoint__interval=2,
        default_hooks__checkpoint__max_keep_ckpts=9,
    )
    toy_run(tmp_path, **options)
    assert newest_checkpoint(str(tmp_path)) == str(tmp_path / 'iter_9.pth')
    halve(tmp_path / 'iter_9.pth')
    assert find_latest_checkpoint(str(tmp_path)) == str(tmp_path / 'iter_8.pth')


def test_the_old_file_format(work):
    path = work / 'epoch_3.pth'
    torch.save(read_checkpoint(path), path, _use_new_zipfile_serialization=False)
    assert find_latest_checkpoint(str(work)) == str(path)
    halve(path)
    assert find_latest_checkpoint(str(work)) == str(work / 'epoch_2.pth')
