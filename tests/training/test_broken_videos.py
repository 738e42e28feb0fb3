"""Training with a broken video in the list, through the launch scripts."""

import json
import os

import pytest
import torch

import egoexo_mm  # noqa: F401
from tests.media import write_kinetics
from tests.tiny import CONFIG
from tests.training.runs import HOST_TOOLS, ROOT, log, train, weights

NONE = [
    f'train_dataloader.dataset.targets.{name}='
    for name in ('ego_score', 'object_score', 'interaction_map')
]
OPTIONS = (*NONE, 'train_cfg.val_begin=9', 'train_dataloader.dataset.broken_videos=skip')


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    """20 videos of which number 7 is no video; the environment names them for the tiny config."""
    root = tmp_path_factory.mktemp('data')
    write_kinetics(root, 20, num_frames=24)
    (root / 'videos' / 'clip_7.mp4').write_bytes(b'<html>404</html>' * 20)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv('TINY_DATA', str(root))
        yield root


def failed(work_dir):
    return [json.loads(line) for line in (work_dir / 'failed.jsonl').read_text().splitlines()]


@pytest.mark.slow
def test_one_of_twenty_is_broken(data, tmp_path):
    """It finishes; resumed by MMAction2's script with other workers it ends with equal weights."""
    whole, parts = tmp_path / 'whole', tmp_path / 'parts'
    said = train(
        CONFIG, whole, 'train_cfg.max_epochs=2', 'train_dataloader.num_workers=2', *OPTIONS
    )
    assert said.count('clip_7.mp4: skipped') == 1 and f'listed in {whole}/failed.jsonl' in said
    train(CONFIG, parts, 'train_cfg.max_epochs=1', *OPTIONS)
    train(CONFIG, parts, 'train_cfg.max_epochs=2', *OPTIONS, flags=('--resume',), tools=HOST_TOOLS)
    assert [record['loss'] for record in log(parts)] == [record['loss'] for record in log(whole)]
    assert len(log(parts)) == 2 * 5  # 20 samples in batches of 4: the broken one was replaced
    for name, value in weights(whole, 2).items():
        assert torch.equal(weights(parts, 2)[name], value), name
    for work_dir in (whole, parts):
        assert [(line['video_id'], line['path']) for line in failed(work_dir)] == [
            ('clip_7', str(data / 'videos' / 'clip_7.mp4'))
        ] and failed(work_dir)[0]['reason']
    assert not os.path.exists(ROOT / 'failed.jsonl')  # where the runs were started


@pytest.mark.slow
def test_two_ranks_list_it_once(data, tmp_path):
    train(
        CONFIG,
        tmp_path,
        'train_cfg.max_epochs=4',
        'train_dataloader.batch_size=2',
        *OPTIONS,
        procs=2,
    )
    assert len(failed(tmp_path)) == 1 and len(log(tmp_path)) == 4 * 5


def test_too_many_end_the_run(data, tmp_path):
    with pytest.raises(
        AssertionError,
        match=r'1 of 20 samples \(5\.0%\) are of files that cannot be read, more than '
        r'max_broken_share=0\.04 allows',
    ):
        train(CONFIG, tmp_path, *OPTIONS, 'train_dataloader.dataset.max_broken_share=0.04')
