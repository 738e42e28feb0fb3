"""Pictures of a source with what the model predicts, frame after frame.

Shape legend: ``C`` crops, ``N`` clips of ``T`` frames, ``V = C * N`` views, ``t`` frames and
``h x w`` cells of the map of a view.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from egoexo_mm.interaction_maps import MapGeometry
from egoexo_mm.video.frame_sets import ASSUMED_FPS, FrameReader
from egoexo_mm.video.times import duration
from egoexo_mm.visualization.draw import COLOURS
from egoexo_mm.visualization.panels import ScoreBar, fit_short_side
from egoexo_mm.visualization.predictions import place_maps, prediction_panel

from .answers import clock, main_entries
from .sources import Source

_BLOCK = 32  # frames that are read at once
_SHORT_SIDE = 360  # pixels of drawn frames


class SampleMaps:
    """The maps of a sample, by the time of the frame that each shows.

    Args:
        sample: Metainfo ``view_frames``, ``view_scale``, ``view_offset`` and ``first_frame``, see
            ``ClipPipeline``.
        maps: (V, K, t, h, w) in [0, 1].
        geometry: Which frames of a clip they show.
    """

    def __init__(self, sample: Any, maps: np.ndarray, geometry: MapGeometry) -> None:
        frames = sample.view_frames
        if geometry.join_clips:
            frames = frames.reshape(1, -1)
        offset = np.asarray(sample.view_offset)
        crops, clips = len(offset), len(frames)
        if geometry.join_clips:  # the crops are one after the other in the one clip
            maps = np.concatenate(np.split(maps, crops, axis=2))
        maps = maps.reshape(crops, clips, *maps.shape[1:])
        shown = frames[:, geometry.frames(frames.shape[1]).numpy()] + sample.first_frame
        low = (0 - offset) / sample.view_scale  # (C, 2) corners of the crops in the frame
        self.regions = np.hstack([low, low + 1 / np.asarray(sample.view_scale)])
        self.maps = maps  # (C, N, K, t, h, w)
        self.numbers, place = np.unique(shown, return_index=True)
        self._places = np.stack(np.unravel_index(place, shown.shape), 1)

    def at(self, number: int, size: tuple[int, int]) -> np.ndarray:
        """(K, H, W) maps of the nearest frame that has some."""
        i = int(np.abs(self.numbers - number).argmin())
        clip, frame = self._places[i]
        cells = self.maps[:, clip, :, frame]
        return np.stack(
            [place_maps(cells[:, k], self.regions, size) for k in range(cells.shape[1])]
        )


def film(
    source: Source,
    reader: FrameReader,
    numbers: Sequence[int],
    answers: Iterable[tuple[Mapping[str, Any], SampleMaps | None]],
    kinds: Mapping[int, str],
    top: int = 5,
) -> Iterator[np.ndarray]:
    """A picture of each frame: the maps over it, the best classes below.

    A frame has the answer of the window that began last before it.

    Args:
        source: What is drawn.
        reader: Its frames.
        numbers: Of the frames, ascending.
        answers: Row of a part, see :meth:`EgoExoInferencer.row`, and its maps, in order, at least
            one. They are taken as they are needed.
        kinds: Channel of the maps -> its name.
        top: Bars below a frame.
    """
    queue = _Queue(answers)
    total = duration(reader.times, reader.get_avg_fps())
    title = short_name(source)
    for block in (numbers[i : i + _BLOCK] for i in range(0, len(numbers), _BLOCK)):
        for number, frame in zip(block, reader.get_batch(block)):
            seconds = float(reader.times[number]) + source.seconds_before
            row, maps = queue.until(seconds)
            frame = fit_short_side(frame, _SHORT_SIDE)
            caption = f'{title}   {clock(seconds)}'
            if row['end'] - row['start'] < total - 0.05:
                caption += f'   (window {clock(row["start"])} - {clock(row["end"])})'
            bars = [
                ScoreBar(entry['name'], entry['score'], COLOURS['score'])
                for entry in main_entries(row)[:top]
            ]
            painted = None if maps is None or not kinds else maps.at(number, frame.shape[:2])
            values = painted is not None and {kind: painted[i] for i, kind in kinds.items()}
            yield prediction_panel(frame, caption, bars, values or None)
    queue.finish()


class _Queue:
    """Answers in order of their starts, each held until the next one begins."""

    def __init__(self, answers: Iterable[Any]) -> None:
        self._coming = iter(answers)
        self._now = self._next = next(self._coming, None)

    def until(self, seconds: float) -> Any:
        """The answer of the window that began last; before the first window that of the first."""
        while self._next is not None and self._next[0]['start'] <= seconds + 1e-6:
            self._now, self._next = self._next, next(self._coming, None)
        return self._now

    def finish(self) -> None:
        """Take what is left: answers behind the last frame are written, too."""
        for _ in self._coming:
            pass


def keep_some(
    pictures: Iterable[np.ndarray], wanted: set[int], kept: list[np.ndarray]
) -> Iterator[np.ndarray]:
    """The pictures, and copies of those at the ``wanted`` places in a list."""
    for place, picture in enumerate(pictures):
        if place in wanted:
            kept.append(picture)
        yield picture


def evenly(length: int, count: int) -> set[int]:
    """``count`` places of ``length`` (or fewer), the middles of as many equal parts."""
    count = min(count, length)
    return {(2 * i + 1) * length // (2 * count) for i in range(count)}


def frame_rate(reader: FrameReader, stride: int) -> float:
    """Frames per second of a film of every ``stride``-th frame."""
    return (reader.get_avg_fps() or ASSUMED_FPS) / stride


def short_name(source: Source) -> str:
    """Name of the file or folder."""
    return source.name.replace('\\', '/').rstrip('/').rpartition('/')[2]
