"""Rows of a store as text for a reader."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from egoexo_mm.interaction_maps import CONTACTS, HAND, KINDS, SIDES
from egoexo_mm.untrusted import quote, shorten

from ..store.errors import TargetStoreError
from ..store.frame_matching import stored_frames
from ..store.manifest import EMBEDDING
from ..store.target_store import TargetStore

# The last name is that of -1, UNKNOWN.
_SIDES = (*SIDES, 'unknown side')
_CONTACTS = (*CONTACTS, 'unknown contact')


def excerpt(
    store: TargetStore,
    *,
    video_id: str | None = None,
    count: int = 5,
    frame: int | None = None,
    top: int = 5,
) -> Iterator[str]:
    """Lines on the first ``count`` videos of a store, or on one.

    Args:
        store: The store.
        video_id: The video; None for the first ones.
        count: Number of videos.
        frame: 0-based frame of the video whose boxes are shown, moved to the nearest one that the
            detector saw; None for the first frame with boxes.
        top: Scores shown per video, the highest first.

    Raises:
        TargetStoreError: no such video or frame, or a frame of a store of scores.
    """
    if frame is not None and store.manifest.kind == 'scores':
        raise TargetStoreError(
            f'{store.path}: has scores of whole videos, not of frames; leave out the frame'
        )
    for name in store.video_ids[:count] if video_id is None else [video_id]:
        yield _video_line(store, name)
        if store.manifest.has_segments:
            spans = store.segments(name).tolist()
            for start, stop in spans[:count]:
                line = _score_line(store.scores(name, (start, stop), (start, stop)), store, top)
                yield f'  {start:g} to {stop:g} s: {line}'
            if len(spans) > count:
                yield f'  and {len(spans) - count} more segments'
        elif store.manifest.kind == 'scores':
            yield '  ' + _score_line(store.scores(name), store, top)
        else:
            yield from _box_lines(store, name, frame)


def _video_line(store: TargetStore, video_id: str) -> str:
    info = store.info(video_id)
    parts = [
        f'{info.num_frames} frames' if info.num_frames else 'unknown length',
        f'{info.fps:g} fps' if info.fps else 'unknown fps',
        f'{info.width}x{info.height}' if info.width and info.height else 'unknown size',
    ]
    if info.frame_stride > 1:
        parts.append(f'frame stride {info.frame_stride}')
    return f'{video_id}: {", ".join(parts)}'


def _score_line(scores: np.ndarray, store: TargetStore, top: int) -> str:
    """The highest scores as ``index: score (share)``; the share of logits is their softmax.

    Of an embedding its length and first numbers.
    """
    kind, classes = store.manifest.score_kind, store.manifest.classes
    if kind == EMBEDDING:
        first = ', '.join(f'{x:.4g}' for x in scores[:top])
        return f'length {np.linalg.norm(scores):.4g}, {first}' + ', ...' * (len(scores) > top)
    shares = scores
    if kind == 'logits':
        shares = np.exp(scores - scores.max())
        shares /= shares.sum()
    best = np.argsort(-scores, kind='stable')[:top]
    return ', '.join(
        f'{shorten(classes[i], 40) if classes else i}: {scores[i]:.4g}'
        + f' ({100 * shares[i]:.1f} %)' * (kind != 'scores')
        for i in best
    )


def _box_lines(store: TargetStore, video_id: str, frame: int | None) -> Iterator[str]:
    frames, info = store.detection_frames(video_id), store.info(video_id)
    yield f'  {len(frames)} boxes on {len(np.unique(frames))} frames'
    if frame is None:
        if not len(frames):
            return
        frame = int(frames[0])
    if frame < 0 or (info.num_frames and frame >= info.num_frames):
        raise TargetStoreError(
            f'{store.path}: video {quote(video_id)} has no frame {frame}; give one from 0'
            + (f' to {info.num_frames - 1}' if info.num_frames else '')
        )
    found = store.detections(video_id, [frame])
    seen = int(stored_frames(np.array([frame]), info)[0])
    moved = '' if seen == frame else f' (the detector saw {seen})'
    yield f'  frame {frame}{moved}: {len(found)} boxes'
    kinds = store.manifest.box_kinds
    for box, score, kind, side, contact, offset in zip(
        found.box, found.score, found.kind, found.side, found.contact, found.offset
    ):
        text = f'    {kinds[kind]} {score:.3f} at ' + ', '.join(f'{x:.3f}' for x in box)
        if kinds[kind] == KINDS[HAND]:
            text += f'; {_SIDES[int(side)]}, {_CONTACTS[int(contact)]}'
            if not np.isnan(offset).any():
                text += f', object at {offset[0]:+.3f}, {offset[1]:+.3f} from it'
        yield text
