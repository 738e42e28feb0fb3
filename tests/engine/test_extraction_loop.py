"""Extraction in this process: rows, batches, broken videos, resuming, what ends a run."""

import json
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
import torch
from broken_videos import no_frames, ramp, size_change
from media import noise_video, write_kinetics, write_video

import egoexo_mm  # noqa: F401
from egoexo_mm.datasets.readers import READERS, OpenCVFile
from egoexo_mm.targets import TargetStoreError
from egoexo_mm.targets.inspection.summary import summarize
from egoexo_mm.targets.inspection.verification import listed_ids, verify_store
from tests.engine.extraction_case import ColourTeacher, ConvTeacher, config, extract, rows

CLIPS = dict(type='SampledClips', clip_len=4, frame_interval=3, num_clips=5)


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    """Seven videos of 40 frames."""
    root = tmp_path_factory.mktemp('videos')
    write_kinetics(root, 7)
    return root


def log(runner):
    """What was logged."""
    return next(Path(runner.log_dir).glob('*.log')).read_text()


def failures(store):
    return [json.loads(line) for line in (store / 'failed.jsonl').read_text().splitlines()]


def test_scores_by_hand(tmp_path):
    write_video(tmp_path / 'videos' / 'a.avi', ramp(10), fps=25, codec='FFV1')
    (tmp_path / 'list.txt').write_text('a.avi 0\n')
    runner = extract(config(tmp_path))
    assert runner.counts == dict(extracted=1, failed=0, skipped=0)
    # frames 0, 4 and 8: red 200 / 32, green (0 + 20 + 40) / 3 / 32, blue 0, each in 4 cells
    scores = rows(tmp_path / 'store')['a']
    assert scores[:5] == (10, 25, 64, 48, 1)
    assert scores[5:] == (6.25,) * 4 + (0.625,) * 4 + (0,) * 4
    manifest = summarize(tmp_path / 'store').manifest
    assert (
        manifest.teacher,
        manifest.dataset,
        manifest.video_id,
        manifest.notes,
        manifest.frame_size,
    ) == ('colours', 'test', 'stem', 'frames: every 4 frames', None)


@pytest.mark.parametrize(
    'plan, items, length',
    [
        (dict(type='EveryKthFrame', stride=4), 70, 1),
        (CLIPS, 35, 4),
        (dict(type='EvenFrames', num_frames=3), 21, 1),
    ],
)
@pytest.mark.parametrize('chunks, workers', [(3, 0), (32, 2)])
def test_batches_are_full_across_videos(videos, tmp_path, plan, items, length, chunks, workers):
    runner = extract(
        config(videos, str(tmp_path / 'store'), plan=plan, workers=workers, chunk_frames=chunks)
    )
    shapes = runner.test_loop.teacher.batches
    full, rest = divmod(items, 8)
    assert [shape[0] for shape in shapes] == [8] * full + [rest] * bool(rest)
    assert {shape[1] for shape in shapes} == {length}
    assert len(rows(tmp_path / 'store')) == 7
    assert runner.test_loop.run_teacher.videos == {}  # nothing is held
    assert max(shape[0] for shape in runner.test_loop.teacher.prepared) <= chunks


def test_workers_readers_and_batches_change_nothing(videos, tmp_path):
    expected = None
    for i, (loop, data) in enumerate(
        (
            (dict(batch_size=1), dict(chunk_frames=1)),
            (dict(batch_size=64), dict(workers=2)),
            (dict(batch_size=5, rows_per_shard=2), dict(reader='opencv', chunk_frames=7)),
        )
    ):
        extract(config(videos, str(tmp_path / str(i)), plan=CLIPS, loop=loop, **data))
        got = rows(tmp_path / str(i))
        expected = expected or got
        assert got == expected and len(got) == 7
    assert len(list((tmp_path / '2').glob('shard-*.arrow'))) == 4


def test_boxes_of_videos_of_several_sizes(tmp_path):
    for i in range(6):
        noise_video(
            tmp_path / 'videos' / f'{i}.mp4', seed=i, num_frames=8, size=((64, 48), (32, 48))[i % 2]
        )
    (tmp_path / 'list.txt').write_text(''.join(f'{i}.mp4\n' for i in range(6)))
    runner = extract(
        config(tmp_path, teacher='BrightBoxTeacher', plan=dict(type='EveryKthFrame', stride=2))
    )
    # 12 frames of each size: a batch of 8 as soon as it is there, the rest at the end
    assert [(shape[0], shape[-1]) for shape in runner.test_loop.teacher.batches] == [
        (8, 64),
        (8, 32),
        (4, 64),
        (4, 32),
    ]
    found = rows(tmp_path / 'store')
    assert [found[str(i)][:6] for i in range(6)] == [
        (8, 30, (64, 32)[i % 2], 48, 2, [0, 2, 4, 6]) for i in range(6)
    ]
    assert verify_store(tmp_path / 'store').faults == []


def test_memory_formats_and_mixed_precision(videos, tmp_path):
    runs = {}
    for amp in (None, 'bf16'):
        runner = extract(
            config(
                videos,
                str(tmp_path / str(amp)),
                teacher='ConvTeacher',
                plan=CLIPS,
                loop=dict(amp=amp, channels_last=amp is not None),
            )
        )
        runs[amp] = np.array(list(rows(tmp_path / str(amp)).values()))
        dtype = torch.float32 if amp is None else torch.bfloat16
        formats = set(runner.test_loop.teacher.formats)
        assert formats == ({(dtype, False, False)} if amp is None else {(dtype, True, True)})
        assert runner.test_loop.teacher.batches[0] == (8, 4, 12, 1, 1)
    assert np.allclose(runs[None], runs['bf16'], atol=0.2) and not np.array_equal(
        runs[None], runs['bf16']
    )
    assert not any(parameter.requires_grad for parameter in ConvTeacher().parameters())


def test_broken_videos_end_well(tmp_path):
    noise_video(tmp_path / 'videos' / 'a folder' / 'ün ï ビデオ.mp4', seed=0, num_frames=12)
    size_change(tmp_path / 'videos' / 'sizes.avi')
    no_frames(tmp_path / 'videos' / 'zero.avi')
    (tmp_path / 'videos' / 'corrupt.mp4').write_bytes(b'\0' * 999)
    names = ['zero.avi', 'a folder/ün ï ビデオ.mp4', 'corrupt.mp4', 'sizes.avi', 'missing.mp4']
    (tmp_path / 'list.txt').write_text(''.join(f'{name} 0\n' for name in names), encoding='utf-8')
    cfg = config(tmp_path, plan=dict(type='EveryKthFrame', stride=5))
    runner = extract(cfg)
    assert runner.counts == dict(extracted=2, failed=3, skipped=0)
    store = tmp_path / 'store'
    found = rows(store)
    assert {name: row[:4] for name, row in found.items()} == {
        'ün ï ビデオ': (12, 30, 64, 48),
        'sizes': (60, 30, 64, 48),
    }
    # red 200 / 32 in 8 of 12 frames; 198 with OpenCV 5
    assert found['sizes'][5] == pytest.approx(6.25 * 8 / 12, abs=0.05)
    assert [failure['video_id'] for failure in failures(store)] == ['zero', 'corrupt', 'missing']
    assert failures(store)[2]['reason'] == 'no such file'
    assert f'{tmp_path}/videos/missing.mp4: no targets (no such file)' in log(runner)
    assert f'3 failed, see {store}/failed.jsonl (a further run tries them again). Next' in log(
        runner
    )
    # again: they are tried anew, and listed once
    assert extract(config(tmp_path, plan=dict(type='EveryKthFrame', stride=5))).counts == dict(
        extracted=0, failed=3, skipped=2
    )
    assert [failure['video_id'] for failure in failures(store)] == ['zero', 'corrupt', 'missing']
    # one is repaired: it does not count as failed any more
    write_video(tmp_path / 'videos' / 'corrupt.mp4', ramp(12))
    runner = extract(config(tmp_path, plan=dict(type='EveryKthFrame', stride=5)))
    assert runner.counts == dict(extracted=1, failed=2, skipped=2)
    summary = summarize(store)
    assert (summary.rows, summary.failed, summary.retried) == (3, 2, 1)
    verified = verify_store(store, listed_ids(tmp_path / 'list.txt', 'stem'))
    assert len(verified.faults) == 1
    assert '2 of 5 listed videos have no row (2 of them are in failed.jsonl)' in verified.faults[0]


def test_progress_and_last_words(videos, tmp_path):
    store = str(tmp_path / 'store')
    text = log(extract(config(videos, store, loop=dict(log_seconds=0))))
    lines = re.findall(
        r'store: (\d)/7 videos, \d+\.\d frames/s, \d+% waiting for frames, time left ', text
    )
    # a line a chunk, which is a video of 10 frames;
    # 8, 16, 24, 40, 40, 56 and 64 frames are done by then
    assert lines == list('0124456')
    assert (
        f'{store}: 7 videos extracted (70 frames), 0 were there before. '
        f'Next: python tools/targets.py verify {store} '
        f'--list {videos / "list.txt"}\n' in text
    )
    assert '7 videos are in it already, 0 are left' in log(extract(config(videos, store)))


@pytest.mark.parametrize('error', ['ValueError', 'MemoryError', 'OutOfMemoryError'])
def test_trouble_of_the_teacher_ends_the_run(videos, tmp_path, error):
    store = str(tmp_path / 'store')
    raised, words = {
        'ValueError': (ValueError, 'of the teacher'),
        'MemoryError': (MemoryError, 'of the teacher'),
        'OutOfMemoryError': (
            RuntimeError,
            r'colours: not enough memory for 8 items of \(1, 3, 2, 2\); set a smaller '
            'test_cfg.batch_size and run again',
        ),
    }[error]
    with pytest.raises(raised, match=words):
        extract(config(videos, store, model=dict(broken_at=5, error=error)))
    # 4 batches of 8 frames made 3 whole videos of 10: they are kept, and nothing is called broken
    assert len(rows(store)) == 3
    assert not (tmp_path / 'store' / 'failed.jsonl').exists()
    assert extract(config(videos, store)).counts == dict(extracted=4, failed=0, skipped=3)
    extract(config(videos, str(tmp_path / 'undisturbed')))
    assert rows(store) == rows(tmp_path / 'undisturbed')


def test_a_video_that_kills_its_reader_is_named(videos, tmp_path, monkeypatch):
    class Crash(OpenCVFile):
        def _open(self, path):
            if path.endswith('clip_3.mp4'):
                os.kill(os.getpid(), signal.SIGKILL)
            super()._open(path)

    monkeypatch.setitem(READERS, 'crash', Crash)
    # its end is noticed by the loader or, while frames are handed over, as a broken connection
    with pytest.raises(
        RuntimeError,
        match=r'a data worker died or hangs at one of \S+/clip_3.mp4 \(.*(DataLoader worker|'
        'onnection|EOF).*take that video out of the list',
    ):
        extract(config(videos, str(tmp_path / 'store'), workers=1, reader='crash'))
    assert not (tmp_path / 'store' / 'failed.jsonl').exists()


def test_shards_are_written_after_a_time(videos, tmp_path):
    extract(config(videos, str(tmp_path / 'store'), loop=dict(flush_seconds=0, batch_size=10)))
    assert len(list((tmp_path / 'store').glob('shard-*.arrow'))) == 7


def test_another_store_is_refused(videos, tmp_path):
    store = str(tmp_path / 'store')
    extract(config(videos, store))
    with pytest.raises(
        TargetStoreError,
        match=r"is the store of other targets \(notes is 'frames: every 4 frames', not "
        r"'frames: every 2 frames'\); give another folder",
    ):
        extract(config(videos, store, plan=dict(type='EveryKthFrame', stride=2)))


def test_other_settings_of_the_teacher(videos, tmp_path, monkeypatch):
    """A store of an earlier release names none and is continued, with a warning."""
    old, store = str(tmp_path / 'old'), str(tmp_path / 'store')
    extract(config(videos, old))
    monkeypatch.setattr(ColourTeacher, 'row_settings', lambda self: dict(gain=0.5))
    text = log(extract(config(videos, old)))
    assert '7 videos are in it already' in text
    assert 'its manifest does not name gain, so whether the rows there were made with' in text
    assert f'{store}: its manifest' not in log(extract(config(videos, store)))
    assert summarize(store).manifest.notes == 'frames: every 4 frames; gain = 0.5'
    monkeypatch.setattr(ColourTeacher, 'row_settings', lambda self: dict(gain=0.7))
    with pytest.raises(TargetStoreError, match=r"other targets \(gain is '0.5', not '0.7'\); give"):
        extract(config(videos, store))


def test_wrong_parts(videos, tmp_path):
    store = str(tmp_path / 'store')
    with pytest.raises(
        ValueError,
        match='boxes need frames in a regular grid, but the plan is 3 frames evenly spaced; set',
    ):
        extract(
            config(
                videos,
                store,
                teacher='BrightBoxTeacher',
                plan=dict(type='EvenFrames', num_frames=3),
            )
        )
    with pytest.raises(ValueError, match="amp is 'half', expected None, 'bf16' or 'fp16'"):
        extract(config(videos, store, loop=dict(amp='half')))
    cfg = config(videos, store)
    cfg.model = dict(type='ActionDataPreprocessor')
    with pytest.raises(
        TypeError, match='the model is a ActionDataPreprocessor, expected a Teacher'
    ):
        extract(cfg)
    assert not (tmp_path / 'store').exists()
