"""Videos of a list as a stream of decoded frames, for teachers that see every frame.

Shape legend: ``n`` frames of a chunk, ``H x W`` pixels.
"""

from __future__ import annotations

import os.path as osp
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field, replace

import numpy as np
import torch
from mmaction.registry import DATASETS, TASK_UTILS
from mmengine.dist import get_dist_info
from torch import Tensor
from torch.utils.data import IterableDataset, get_worker_info

from egoexo_mm.targets import video_id_from_path
from egoexo_mm.targets.store.listed_videos import check_listed_once, listed_paths
from egoexo_mm.untrusted import quote
from egoexo_mm.video import READERS, BrokenVideoError, VideoFile, check_reader

from .frame_plans import Item

_MAX_WORKERS = 256


@dataclass
class Chunk:
    """Some frames of a video. Its chunks come in order; those of several videos may mix.

    Attributes:
        video_id: Id of the video.
        path: Its file.
        fps: Its frame rate, 0 if unknown.
        frames: uint8 (n, H, W, 3) RGB, of one size throughout the video. None if n is 0.
        numbers: Their frame numbers (n,), ascending.
        items: Those that are complete with these frames and the ones kept of earlier chunks.
        keep_from: Frames below this number are not needed any more.
        num_frames: Length of the video, in its last chunk only.
        failure: Why the video gives no more frames, in the last chunk of a broken video only. None
            of its items count.
    """

    video_id: str
    path: str
    fps: float = 0.0
    frames: Tensor | None = None
    numbers: list[int] = field(default_factory=list)
    items: list[Item] = field(default_factory=list)
    keep_from: int = 0
    num_frames: int | None = None
    failure: str | None = None


@DATASETS.register_module()
class VideoStreamDataset(IterableDataset):
    """Chunks of the videos of a list; each wanted frame is decoded once.

    The list is divided among the ranks, and a rank's part among its data workers. A chunk has at
    most ``chunk_frames`` frames and ``chunk_bytes`` bytes, but at least one frame.

    Args:
        ann_file: List of videos, ``path label`` or ``path`` a line; or a file of keysteps of
            Ego-Exo4D, for the clips of all cameras.
        data_prefix: ``video`` is the folder of the paths.
        plan: Config of a frame plan, see :mod:`.frame_plans`.
        video_id: Rule for the ids in the store, see :func:`egoexo_mm.targets.video_id_from_path`.
        reader: ``'pyav'``, ``'decord'``, ``'opencv'``, or None for the first of these that is
            installed, see :mod:`egoexo_mm.video`.
        chunk_frames: Largest number of frames in a chunk.
        chunk_bytes: Largest size of a chunk.

    Raises:
        ValueError: For an unknown option, a reader that is not installed, two videos of one id, or
            a list of which no video exists below ``data_prefix``.
        TargetStoreError: The list cannot be read or is empty.
    """

    def __init__(
        self,
        ann_file: str,
        *,
        plan: dict,
        data_prefix: dict | None = None,
        video_id: str = 'stem',
        reader: str | None = None,
        chunk_frames: int = 32,
        chunk_bytes: int = 2**26,
    ) -> None:
        if min(chunk_frames, chunk_bytes) < 1:
            raise ValueError(
                f'chunk_frames and chunk_bytes are {chunk_frames} and {chunk_bytes}, expected 1 or '
                'more'
            )
        self.ann_file, self.rule, self.reader = ann_file, video_id, check_reader(reader)
        self.chunk_frames, self.chunk_bytes = chunk_frames, chunk_bytes
        self.plan = TASK_UTILS.build(plan)
        folder = (data_prefix or {}).get('video') or ''
        names = listed_paths(ann_file)
        ids = [video_id_from_path(name, video_id) for name in names]
        check_listed_once(names, video_id, f'{ann_file}: ')
        videos = [(key, osp.join(folder, name)) for key, name in zip(ids, names)]
        if not any(osp.isfile(path) for _, path in videos[:100]):
            raise ValueError(
                f'{ann_file}: none of its first videos exists, for example {quote(videos[0][1])}; '
                f'correct data_prefix ({folder!r}) or the list'
            )
        rank, world = get_dist_info()  # here, since data workers need not know
        self.videos = videos[rank::world]
        # number of the video that each data worker has open
        self._reading = torch.full((_MAX_WORKERS,), -1).share_memory_()

    def skip(self, video_ids: Collection[str]) -> int:
        """Leave out videos that are done, before iterating; returns how many there were."""
        before = len(self.videos)
        self.videos = [video for video in self.videos if video[0] not in video_ids]
        return before - len(self.videos)

    def reading(self) -> list[str]:
        """Paths of the videos that data workers have open; of use when one of them has died."""
        return [self.videos[i][1] for i in self._reading.tolist() if i >= 0]

    def __iter__(self) -> Iterator[Chunk]:
        worker = get_worker_info()
        first, step = (worker.id, worker.num_workers) if worker else (0, 1)
        for i in range(first, len(self.videos), step):
            self._reading[first % _MAX_WORKERS] = i
            video_id, path = self.videos[i]
            try:
                yield from self._read(Chunk(video_id, path))
            except BrokenVideoError as error:
                yield Chunk(video_id, path, failure=str(error).removeprefix(f'{path}: '))
        self._reading[first % _MAX_WORKERS] = -1

    def _read(self, blank: Chunk) -> Iterator[Chunk]:
        """Chunks of one video."""
        video = READERS[self.reader](blank.path)
        blank.fps = video.fps
        length = video.num_frames
        if self.plan.needs_length and not length:
            length = _count(READERS[self.reader](blank.path))
        schedule = self.plan.schedule(length, video.fps)
        chunk, frames = replace(blank, numbers=[], items=[]), []
        last = -1
        while (number := schedule.next(video.position)) is not None:
            frame = video.read(skip=number - video.position)
            if frame is None:
                length = _true_length(video, last)
                break
            if frames and len(frames) >= max(
                1, min(self.chunk_frames, self.chunk_bytes // frame.nbytes)
            ):
                yield _closed(chunk, frames, schedule.keep_from(last))
                chunk, frames = replace(blank, numbers=[], items=[]), []
            frames.append(frame)
            chunk.numbers.append(number)
            chunk.items += schedule.complete(number)
            last = number
        chunk.items += schedule.finish(last)
        chunk.num_frames = length
        yield _closed(chunk, frames, last + 1)


def _closed(chunk: Chunk, frames: list[np.ndarray], keep_from: int) -> Chunk:
    chunk.frames = torch.from_numpy(np.stack(frames)) if frames else None
    chunk.keep_from = keep_from
    return chunk


def _count(video: VideoFile) -> int:
    """Length of a video whose header does not tell it."""
    while video.read(skip=999) is not None:
        pass
    if not video.position:
        raise BrokenVideoError(f'{video.path}: has no frames')
    return video.position


def _true_length(video: VideoFile, last: int) -> int:
    """Length of a video that has ended.

    Headers are often off by a few frames; a far shorter video is damaged.
    """
    if not video.position or last < 0:
        raise BrokenVideoError(f'{video.path}: has no frames')
    if video.position < video.num_frames - max(2, video.num_frames // 20):
        raise BrokenVideoError(
            f'{video.path}: only {video.position} of its {video.num_frames} frames can be decoded'
        )
    return video.position
