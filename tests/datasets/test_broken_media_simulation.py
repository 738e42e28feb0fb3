"""Full trainings over long lists with broken videos: real seeding, made-up files.

Every broken row is drawn once an epoch; sound rows are not drawn, since nothing happens to them.
"""

import json

import numpy as np
import pytest
from mmaction.registry import DATASETS
from mmengine.config import Config

import egoexo_mm  # noqa: F401
from egoexo_mm.datasets.transforms.clip_reader_init import ClipReaderInit
from tests.conftest import ROOT


class Reader:
    steady = True  # of constant rate

    def __len__(self):
        return 300

    def get_avg_fps(self):
        return 30.0


@pytest.fixture
def mocked(monkeypatch):
    def open_file(self, filename):
        if filename.startswith('broken'):
            raise OSError('moov atom not found')
        return Reader()

    monkeypatch.setattr(ClipReaderInit, '_get_video_reader', open_file)


def build(root, seed):
    pipeline = Config.fromfile(ROOT / 'configs' / 'slowfast_k400.py').train_pipeline[:3]
    assert [step['type'] for step in pipeline] == [
        'SeedAugmentations',
        'ClipReaderInit',
        'SampleTimeWindow',
    ]
    return DATASETS.build(
        dict(
            type='VideoTargetDataset',
            ann_file=str(root / 'list.txt'),
            pipeline=pipeline,
            broken_videos='skip',
            failed_file=str(root / f'failed_{seed}.jsonl'),
        )
    )


def draws(data, seed, epoch, rows):
    """The videos that an epoch draws for ``rows``, and the frames of them."""
    data.pipeline.transforms[0].set_epoch(seed, epoch)
    samples = [data[int(row)] for row in rows]
    return [(sample['filename'], int(sample['frame_inds'][0])) for sample in samples]


def simulate(root, videos, broken, epochs, seeds):
    rng = np.random.default_rng(0)
    rows = np.sort(rng.choice(videos, broken, replace=False))
    names = np.where(np.isin(np.arange(videos), rows), 'broken', 'sound').tolist()
    (root / 'list.txt').write_text(
        ''.join(f'{name}_{i}.mp4 {i % 400}\n' for i, name in enumerate(names))
    )
    for seed in seeds:
        data = build(root, seed)
        resumed_at = {epochs // 3, epochs - 1}
        for epoch in range(epochs):
            order = np.random.default_rng([seed, epoch]).permutation(rows)
            found = draws(data, seed, epoch, order)  # raises where a run would die
            assert not [name for name, _ in found if name.startswith('broken')]
            if (
                epoch in resumed_at
            ):  # new processes, another order, as under another number of workers
                again = dict(zip(rows.tolist(), draws(build(root, seed), seed, epoch, rows)))
                assert [again[row] for row in order.tolist()] == found
        # different replacements, not one for all: of so many draws from so many videos few coincide
        assert len({name for name, _ in found}) > 0.9 * broken
        listed = [
            json.loads(line)['path']
            for line in (root / f'failed_{seed}.jsonl').read_text().splitlines()
        ]
        assert sorted(listed) == sorted(
            f'broken_{row}.mp4' for row in rows
        )  # each once, resumed runs included


def test_a_short_training(tmp_path, mocked):
    simulate(tmp_path, videos=1200, broken=20, epochs=30, seeds=range(2))


@pytest.mark.slow
def test_200_epochs_of_240000_videos(tmp_path, mocked):
    """2,000 broken: replacements come from a list of which 0.8 % is broken, 400,000 times a run."""
    simulate(tmp_path, videos=240_000, broken=2000, epochs=200, seeds=range(8))
