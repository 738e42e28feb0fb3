"""Chunks of videos: every wanted frame once, in bounded pieces."""

import re

import pytest
import torch
from broken_videos import cut, no_frames, ramp
from media import write_video
from mmaction.registry import DATASETS
from torch.utils.data import DataLoader

import egoexo_mm  # noqa: F401
from egoexo_mm.datasets import video_stream
from egoexo_mm.datasets.readers import READERS, OpenCVFile
from egoexo_mm.targets import TargetStoreError
from tests.hosts import with_pyav


@pytest.fixture
def stream(tmp_path):
    """Build a data set over given videos (name -> frames, or a function that makes the file)."""

    def build(videos, *, plan=dict(type='EveryKthFrame', stride=4), **options):
        for name, content in videos.items():
            path = tmp_path / 'videos' / name
            path.parent.mkdir(parents=True, exist_ok=True)
            content(path) if callable(content) else write_video(path, ramp(content), codec='MJPG')
        (tmp_path / 'list.txt').write_text(''.join(f'{name} 3\n' for name in videos))
        return DATASETS.build(
            dict(
                type='VideoStreamDataset',
                ann_file=str(tmp_path / 'list.txt'),
                data_prefix=dict(video=str(tmp_path / 'videos')),
                plan=plan,
                **options,
            )
        )

    return build


def test_chunks_of_a_video(stream):
    chunks = list(stream({'a.avi': 40}, chunk_frames=4))
    assert [chunk.numbers for chunk in chunks] == [[0, 4, 8, 12], [16, 20, 24, 28], [32, 36]]
    assert [chunk.num_frames for chunk in chunks] == [None, None, 40]
    assert [item for chunk in chunks for item in chunk.items] == [(i, (4 * i,)) for i in range(10)]
    assert {(chunk.video_id, chunk.fps, chunk.failure, chunk.frames.dtype) for chunk in chunks} == {
        ('a', 30.0, None, torch.uint8)
    }
    green = torch.cat([chunk.frames for chunk in chunks])[..., 1].float().mean((1, 2))
    assert torch.allclose(green, torch.arange(0, 40, 4.0) * 5, atol=3)


def test_chunks_are_bounded_in_bytes(stream):
    frame = 48 * 64 * 3
    for chunk_bytes, most in ((3 * frame, 3), (3 * frame - 1, 2), (1, 1)):
        chunks = list(stream({'a.avi': 40}, chunk_bytes=chunk_bytes))
        assert max(len(chunk.numbers) for chunk in chunks) == most
        assert sum(len(chunk.numbers) for chunk in chunks) == 10
        assert max(chunk.frames.numel() for chunk in chunks) <= max(chunk_bytes, frame)


@with_pyav
def test_shared_frames_are_decoded_once(stream, monkeypatch):
    asked = []

    class Spy(OpenCVFile):
        def _read(self, skip):
            asked.append(self.position + skip)
            return super()._read(skip)

    monkeypatch.setitem(READERS, 'spy', Spy)
    plan = dict(type='SampledClips', clip_len=8, frame_interval=2, num_clips=6)
    chunks = list(stream({'a.avi': 40, 'b.avi': 40}, plan=plan, reader='spy', chunk_frames=5))
    wanted = sorted(
        set(range(0, 40)) & {5 * i + 2 * k for i in range(6) for k in range(8)}
    )  # clips begin at 0, 5, ... 25
    assert asked == 2 * wanted
    assert sum(len(chunk.items) for chunk in chunks) == 12
    for chunk in chunks:
        assert (
            chunk.num_frames or chunk.keep_from > chunk.numbers[-1] - 15
        )  # no more than one clip is kept


def test_lengths_that_are_not_those_of_the_header(stream, monkeypatch):
    class Guess(OpenCVFile):
        said = 0

        def _open(self, path):
            super()._open(path)
            self.num_frames = self.said

    monkeypatch.setitem(READERS, 'guess', Guess)
    clips = dict(type='SampledClips', clip_len=2, frame_interval=19, num_clips=2)
    # not told: counted; too long by 2: the last frames are repeated; far too long: a damaged file
    for said, items in ((0, [(0, 19), (20, 39)]), (42, [(0, 19), (22, 22)])):
        Guess.said = said
        last = list(stream({'a.avi': 40}, plan=clips, reader='guess'))[-1]
        assert (last.num_frames, [frames for _, frames in last.items]) == (40, items)
    Guess.said = 50
    last = list(stream({'a.avi': 40}, plan=clips, reader='guess'))[-1]
    assert last.failure == 'only 40 of its 50 frames can be decoded'


@with_pyav
@pytest.mark.parametrize('reader', ['decord', 'opencv', 'pyav', None])
@pytest.mark.parametrize(
    'plan', [dict(type='EveryKthFrame', stride=2), dict(type='EvenFrames', num_frames=4)]
)
def test_broken_videos(stream, reader, plan):
    videos = {
        'zero.avi': no_frames,
        'cut.avi': cut,
        'text.avi': lambda path: path.write_text('x'),
        'ok.avi': 9,
    }
    last = {chunk.video_id: chunk for chunk in stream(videos, plan=plan, reader=reader)}
    assert list(last) == ['zero', 'cut', 'text', 'ok']
    assert (last['ok'].num_frames, last['ok'].failure) == (9, None)
    assert last['zero'].failure == 'has no frame that can be decoded'
    assert re.match(
        'only (9|10) of its 40 frames can be decoded', last['cut'].failure
    )  # the last is in part
    assert 'Invalid data' in last['text'].failure
    assert last['cut'].num_frames is None
    assert {name for name, chunk in last.items() if chunk.failure} == {'zero', 'cut', 'text'}
    assert last['zero'].num_frames is None and last['text'].num_frames is None


def test_errors_that_are_not_the_videos_end_the_stream(stream, monkeypatch):
    class Starved(OpenCVFile):
        def _read(self, skip):
            raise MemoryError

    monkeypatch.setitem(READERS, 'starved', Starved)
    monkeypatch.setattr('egoexo_mm.video.errors._memory_left', lambda: False)
    with pytest.raises(MemoryError):
        list(stream({'a.avi': 4}, reader='starved'))


@pytest.mark.parametrize('workers, persistent', [(0, False), (2, False), (3, True)])
def test_workers_share_the_list(stream, workers, persistent):
    data = stream({f'{i}.avi': 9 for i in range(5)})
    assert data.skip({'1', 'other'}) == 1
    loader = DataLoader(
        data, batch_size=1, num_workers=workers, persistent_workers=persistent, collate_fn=list
    )
    for _ in range(2 if persistent else 1):
        chunks = [chunk for chunks in loader for chunk in chunks]
        assert sorted((chunk.video_id, chunk.num_frames, len(chunk.items)) for chunk in chunks) == [
            (name, 9, 3) for name in '0234'
        ]


def test_ranks_share_the_list(stream, monkeypatch):
    shares = []
    for rank in range(3):
        monkeypatch.setattr(video_stream, 'get_dist_info', lambda rank=rank: (rank, 3))
        shares.append(
            [video_id for video_id, _ in stream({f'{i}.avi': 4 for i in range(5)}).videos]
        )
    assert shares == [['0', '3'], ['1', '4'], ['2']]


def test_lists(stream, tmp_path):
    data = stream({'in a folder/ün ï ビデオ.b.avi': 4, 'b.avi': 4})
    assert [video_id for video_id, _ in data.videos] == ['ün ï ビデオ.b', 'b']
    assert [chunk.num_frames for chunk in data] == [4, 4]
    (tmp_path / 'list.txt').write_text('in a folder/ün ï ビデオ.b.avi\n\nb.avi\n')  # without labels
    kind = dict(
        type='VideoStreamDataset',
        plan=dict(type='EveryKthFrame'),
        ann_file=str(tmp_path / 'list.txt'),
    )
    data = DATASETS.build(
        dict(kind, data_prefix=dict(video=str(tmp_path / 'videos')), video_id='path')
    )
    assert [video_id for video_id, _ in data.videos] == ['in a folder/ün ï ビデオ.b', 'b']
    with pytest.raises(
        ValueError,
        match=r"list.txt: none of its first videos exists, for example 'in a folder/.*correct "
        r"data_prefix \(''\)",
    ):
        DATASETS.build(kind)
    with pytest.raises(TargetStoreError, match='no.txt: cannot be read'):
        DATASETS.build(dict(kind, ann_file='no.txt'))
    with pytest.raises(
        ValueError, match='chunk_frames and chunk_bytes are 0 and 67108864, expected 1 or more'
    ):
        DATASETS.build(dict(kind, chunk_frames=0))


def test_two_videos_of_one_id(stream):
    with pytest.raises(
        ValueError,
        match="two videos .* have the id 'a': 'x/a.avi' and 'y/a.avi'; .*video_id='path'",
    ):
        stream({'x/a.avi': 4, 'b.avi': 4, 'y/a.avi': 4})
    assert len(stream({'x/a.avi': 4, 'y/a.avi': 4}, video_id='path').videos) == 2


def test_one_video_twice(stream, tmp_path):
    data = stream({'a.avi': 4})
    (tmp_path / 'list.txt').write_text('a.avi 1\n./a.avi 2\n')
    with pytest.raises(
        ValueError, match="list.txt: two .* id 'a': 'a.avi' and './a.avi'; remove one of the lines"
    ):
        type(data)(str(tmp_path / 'list.txt'), plan=dict(type='EveryKthFrame'))
