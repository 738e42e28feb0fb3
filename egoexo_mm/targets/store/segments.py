"""Which row of a store of segments a clip gets.

Legend: a span is a pair of start and stop in seconds of a video; ``R`` rows of a store.
"""

from __future__ import annotations

from bisect import bisect_left

import numpy as np
import pyarrow as pa

from egoexo_mm.untrusted import quote

from .errors import TargetStoreError

Span = tuple[float, float]
SAME = 1e-3  # seconds by which both ends of a segment may differ from a row's own span


def check_span(span: Span, where: str) -> None:
    """Refuse a span that does not begin from 0 on or does not end after its beginning.

    Raises:
        TargetStoreError: It does not; NaN and infinity count too.
    """
    start, stop = span
    if not 0 <= start < stop < np.inf:
        raise TargetStoreError(
            f'{where}: the segment is {start:g} to {stop:g} s; expected a start from 0 on and a '
            'later stop, in seconds of the video'
        )


class SegmentIndex:
    """Finds rows by video and time. Segments of a video may overlap.

    Args:
        ids: Video of each row, one array for each record batch.
        start: Seconds (R,).
        stop: Seconds (R,).
    """

    def __init__(self, ids: list[pa.Array], start: np.ndarray, stop: np.ndarray) -> None:
        # one pass in Arrow: a Python object for each of a million rows would take most of the time
        coded = pa.concat_arrays(ids or [pa.array([], pa.string())]).dictionary_encode()
        code = coded.indices.to_numpy()
        order = np.lexsort((stop, start, code))
        code, start, stop = code[order], start[order], stop[order]
        names = coded.dictionary.to_pylist()
        self.videos: dict[str, int] = dict(zip(names, range(len(names))))
        first = code.searchsorted(np.arange(len(names) + 1))
        # memoryviews hand out plain numbers, several times faster than arrays do
        self._first, self._rows = memoryview(first), memoryview(order)
        self._start, self._stop = memoryview(start), memoryview(stop)
        same = (code[1:] == code[:-1]) & (start[1:] == start[:-1]) & (stop[1:] == stop[:-1])
        self.twice = [tuple(order[i : i + 2].tolist()) for i in np.flatnonzero(same)[:1]]
        self._longest = memoryview(_longest(code, stop - start, len(names)))

    def spans(self, video_id: str) -> np.ndarray:
        """Segments of a video by start, float64 (n, 2)."""
        rows = slice(*self._bounds(video_id))
        return np.stack([np.asarray(self._start[rows]), np.asarray(self._stop[rows])], axis=1)

    def rows(self, video_id: str) -> np.ndarray:
        """Row of each segment of a video by start, int64 (n,)."""
        return np.asarray(self._rows[slice(*self._bounds(video_id))])

    def find(self, video_id: str, span: Span, own: Span | None = None) -> int | None:
        """Row for a clip, None where no segment of the video overlaps it.

        It is the segment that equals the sample's ``own`` span up to a millisecond. If there is
        none, it is the one that shares the longest time with the clip; of several the one whose
        middle is nearest to the clip's middle; of these the first.

        Args:
            video_id: Id of the video.
            span: Of the clip.
            own: Of the annotated segment that the clip is cut from, where there is one.
        """
        number = self.videos.get(video_id)
        if number is None:
            return None
        first, last = self._first[number], self._first[number + 1]
        starts, stops = self._start, self._stop
        if own is not None:
            i = bisect_left(starts, own[0] - SAME, first, last)
            while i < last and starts[i] <= own[0] + SAME:
                if abs(stops[i] - own[1]) <= SAME:
                    return self._rows[i]
                i += 1
        begin, end = span
        reach = begin - self._longest[number]  # what starts before ends before the clip
        latest = bisect_left(starts, end, first, last) - 1
        if latest <= first or starts[latest - 1] <= reach:  # one candidate at most
            return self._rows[latest] if latest >= first and stops[latest] > begin else None
        found = best = None
        for i in range(latest, first - 1, -1):
            start, stop = starts[i], stops[i]
            if start <= reach:
                break
            if stop > begin:
                rank = min(end, stop) - max(begin, start), -abs(start + stop - begin - end)
                if best is None or rank >= best:
                    found, best = i, rank
        return None if found is None else self._rows[found]

    def _bounds(self, video_id: str) -> tuple[int, int]:
        number = self.videos.get(video_id)
        return (0, 0) if number is None else (self._first[number], self._first[number + 1])


def _longest(code: np.ndarray, length: np.ndarray, videos: int) -> np.ndarray:
    """Length of the longest segment of each video, float64 (videos,)."""
    longest = np.zeros(videos)
    np.maximum.at(longest, code, length)
    return longest


def describe(spans: np.ndarray) -> str:
    """How a message calls the segments (n, 2) of a video."""
    count = len(spans)
    if not count:
        return 'it has none'
    return f'it has {count}, from {spans[:, 0].min():g} to {spans[:, 1].max():g} s'


def span_name(video_id: str, span: Span) -> str:
    """How a message calls a segment."""
    return f'{quote(video_id)}, {span[0]:g} to {span[1]:g} s'


def row_name(key: str | tuple[str, float, float]) -> str:
    """How a message calls a row, from what the store knows it by."""
    return (
        f'video {quote(key)}' if isinstance(key, str) else f'segment {span_name(key[0], key[1:])}'
    )


def row_keys(ids: list[str], views: dict[str, np.ndarray]) -> list[str | tuple[str, float, float]]:
    """What the store knows each row of a batch by: its video, of segments also start and stop."""
    if 'start' not in views:
        return ids
    return list(zip(ids, views['start'].tolist(), views['stop'].tolist()))
