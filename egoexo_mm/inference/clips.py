"""From parts of sources to what the model takes, by the transforms of a config's test pipeline.

Shape legend: ``C`` crops, ``N`` clips of ``T`` frames.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
from mmaction.datasets.transforms import DecordDecode
from mmaction.registry import TRANSFORMS
from mmengine.config import Config
from torch.utils.data import DataLoader, Dataset

from egoexo_mm.datasets.broken_media.errors import media_error
from egoexo_mm.datasets.transforms import TrackGeometry, TrimSegment, UnionFrameLabels
from egoexo_mm.datasets.transforms.geometry import view_geometry
from egoexo_mm.video import BrokenVideoError
from egoexo_mm.video.frame_sets import FrameReader

from .sources import Part, Source, plan_parts


@dataclass(frozen=True)
class Failure:
    """A source that cannot be read to its end, predicted or drawn, and why."""

    path: str
    reason: str


def test_pipeline(cfg: Config) -> list[dict]:
    """The pipeline that ``tools/test.py`` runs.

    Raises:
        ValueError: The config has none.
    """
    dataset = (cfg.get('test_dataloader') or {}).get('dataset') or {}
    while 'pipeline' not in dataset and ('dataset' in dataset or 'datasets' in dataset):
        dataset = dataset.get('dataset') or dataset['datasets'][0]  # RepeatDataset, ConcatDataset
    pipeline = dataset.get('pipeline') or cfg.get('test_pipeline')
    if not pipeline:
        raise ValueError(
            'the config has no test pipeline; set test_dataloader.dataset.pipeline, as in the '
            'configs of MMAction2'
        )
    return pipeline


class ClipPipeline:
    """A test pipeline for frames of any source, video files or not.

    The steps that open and decode a file are replaced: the frames come from a reader. Steps that
    trim a segment or make labels are left out. Sampling, resizing, cropping and packing are those
    of the config, so the views are those of ``tools/test.py``.

    Args:
        pipeline: Configs of transforms.
        views: Leave on the data sample which frames and crops its views show: ``view_frames``
            (N, T), ``view_scale`` (2,) and ``view_offset`` (C, 2) as of ``view_geometry``. Absent
            where crops cannot be followed (``TenCrop``).

    Raises:
        ValueError: The pipeline does not decode frames.
    """

    def __init__(self, pipeline: Sequence[dict], views: bool = False) -> None:
        self.views = views
        self.steps: list[Any] = []
        for cfg in pipeline:
            step = TRANSFORMS.build(dict(cfg))
            name = type(step).__name__
            if name.endswith('Decode'):
                self.steps.append(step if isinstance(step, DecordDecode) else DecordDecode())
                self.steps += [TrackGeometry()] * views
            elif not name.endswith('Init') and not isinstance(
                step, (TrimSegment, UnionFrameLabels)
            ):
                self.steps.append(step)
        if not any(isinstance(step, DecordDecode) for step in self.steps):
            raise ValueError(
                'the test pipeline does not decode frames (no step whose name ends in Decode); '
                'prediction takes recognizers of RGB frames'
            )

    def __call__(self, reader: FrameReader, name: str) -> dict:
        """Inputs and data sample of one part.

        Args:
            reader: Frames of the part.
            name: Of the source.

        Raises:
            BrokenVideoError: Its frames cannot be read.
        """
        results: dict[str, Any] = dict(
            filename=name,
            video_reader=reader,
            total_frames=len(reader),
            avg_fps=reader.get_avg_fps(),
            start_index=0,
            modality='RGB',
            label=-1,
        )
        if not reader.steady:
            results['frame_times'] = reader.times
        *steps, pack = self.steps
        try:
            for step in steps:
                results = step(results)
        except Exception as error:
            problem = media_error(error, results, name)
            if problem is None:
                raise
            raise BrokenVideoError(str(problem)) from error
        shown = _views(results) if self.views else {}
        packed = pack(results)
        packed['data_samples'].set_metainfo(shown)
        return packed


def _views(results: dict) -> dict[str, Any]:
    frames = results['frame_inds'].reshape(-1, results['clip_len'])
    try:
        scale, offset = view_geometry(results)
    except NotImplementedError:
        return {}
    return dict(view_frames=frames, view_scale=scale, view_offset=offset)


class Clips(Dataset):
    """Packed samples of parts, or a :class:`Failure` for one that cannot be read.

    Args:
        sources: What parts are of.
        pipeline: Makes the samples.
    """

    def __init__(self, sources: Sequence[Source], pipeline: ClipPipeline) -> None:
        self.sources, self.pipeline = sources, pipeline
        # the source that was read last stays open for its next window
        self._opened: tuple[int, FrameReader] | None = None

    def __getitem__(self, part: Part | Failure) -> dict | Failure:
        """The sample of a part; its metainfo has ``source``, ``video``, ``start`` and ``end``."""
        if isinstance(part, Failure):
            return part
        source = self.sources[part.source]
        try:
            if self._opened is None or self._opened[0] != part.source:
                self._opened = part.source, source.open()
            frames, start, end = part.of(self._opened[1])
            packed = self.pipeline(frames, source.name)
        except BrokenVideoError as error:
            return failure_of(source, error)
        packed['data_samples'].set_metainfo(
            dict(
                source=part.source,
                video=source.name,
                start=start + source.seconds_before,
                end=end + source.seconds_before,
                first_frame=part.first,
            )
        )
        return packed

    def parts(self, window: float | None, stride: float | None) -> Iterator[Part | Failure]:
        """Parts of all sources, see :func:`plan_parts`; each is opened when its turn comes."""
        for number, source in enumerate(self.sources):
            try:
                yield from plan_parts(number, source, window, stride)
            except BrokenVideoError as error:
                yield failure_of(source, error)


def failure_of(source: Source, error: Exception, what: str = '') -> Failure:
    """The entry of a list of failures for an error."""
    return Failure(source.name, what + str(error).removeprefix(f'{source.name}: '))


class _Parts:
    """What a ``DataLoader`` takes as its sampler, of unknown length."""

    def __init__(self, clips: Clips, window: float | None, stride: float | None) -> None:
        self._arguments = clips, window, stride

    def __iter__(self) -> Iterator[Part | Failure]:
        clips, window, stride = self._arguments
        return clips.parts(window, stride)


def load_batches(
    clips: Clips,
    *,
    batch_size: int = 1,
    num_workers: int = 0,
    window: float | None = None,
    stride: float | None = None,
) -> Iterator[list[dict | Failure]]:
    """Samples of all parts in order, in lists of ``batch_size`` that may mix sources.

    Args:
        clips: Makes the samples.
        batch_size: Parts of a batch.
        num_workers: Processes that read and transform frames while the model runs; 0: this one.
        window: Of :func:`plan_parts`.
        stride: Of :func:`plan_parts`.
    """
    return iter(
        DataLoader(
            clips,
            batch_size=batch_size,
            sampler=_Parts(clips, window, stride),
            num_workers=num_workers,
            collate_fn=list,
            worker_init_fn=_one_thread if num_workers else None,
        )
    )


def _one_thread(worker: int) -> None:
    cv2.setNumThreads(0)  # there is a process for each core
