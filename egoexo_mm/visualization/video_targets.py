"""The targets of one video in its stores, ready to be drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from egoexo_mm.interaction_maps import KINDS
from egoexo_mm.targets import TargetStore, stored_frames
from egoexo_mm.targets.store.manifest import EMBEDDING
from egoexo_mm.untrusted import quote

from .draw import COLOURS
from .files import VideoFrames, VisualizationError
from .panels import ScoreBar, fit_short_side, frame_panel, score_bars, score_strip, shares
from .sheet import grid, heading, stack
from .text import GREY


class VideoTargets:
    """One video and its rows in any stores but those of embeddings and of segments.

    Args:
        video: Frames of the user's copy.
        video_id: Its id in the stores.
        stores: ``ego_score``, ``object_score``, ``interaction``, or the signal of another store ->
            store. At most one of them has boxes.
        object_names: Of the classes of the Object-Scores; None for their numbers.
        top: Number of Object-Scores shown.
        cells: See :func:`.frame_panel`.
        min_score: See :func:`.frame_panel`.
        short_side: Short side of drawn frames, in pixels.

    Raises:
        VisualizationError: A store lacks the video, cannot be drawn, or its Ego-Scores are not two
            per video; or two stores have boxes.
    """

    def __init__(
        self,
        video: VideoFrames,
        video_id: str,
        stores: dict[str, TargetStore],
        *,
        object_names: Sequence[str] | None = None,
        top: int = 5,
        cells: int = 7,
        min_score: float = 0.0,
        short_side: int = 360,
    ) -> None:
        for name, store in stores.items():
            check_drawable(store)
            if video_id not in store:
                example = f', for example {quote(store.video_ids[0])}' if len(store) else ''
                raise VisualizationError(
                    f'{store.path}: no video {quote(video_id)} among the {len(store)} of this '
                    f'store (ids by rule {store.manifest.video_id!r}{example}); give its id with '
                    f'--video-id, or leave out --{name.replace("_", "-")}'
                )
        self.video, self.video_id, self.stores = video, video_id, stores
        self.cells, self.min_score, self.short_side = cells, min_score, short_side
        boxes = [store for store in stores.values() if store.manifest.kind == 'detections']
        if len(boxes) > 1:
            raise VisualizationError(
                f'{boxes[0].path} and {boxes[1].path} both have boxes; draw one at a time'
            )
        self.boxes = boxes[0] if boxes else None
        self.bars = self._bars(object_names, top)

    def _bars(self, object_names: Sequence[str] | None, top: int) -> list[ScoreBar]:
        bars = []
        if ego := self.stores.get('ego_score'):
            check_ego_store(ego)
            share = shares(ego.scores(self.video_id), ego.manifest.score_kind)
            bars.append(ScoreBar('Ego-Score (first person)', float(share[1]), COLOURS['ego']))
        if objects := self.stores.get('object_score'):
            bars += score_bars(
                objects.scores(self.video_id),
                objects.manifest.score_kind,
                object_names,
                top,
                COLOURS['score'],
            )
        for name, store in self.stores.items():
            if store.manifest.kind == 'scores' and name not in ('ego_score', 'object_score'):
                scores, kind = store.scores(self.video_id), store.manifest.score_kind
                found = score_bars(scores, kind, store.manifest.classes, top, COLOURS['score'])
                bars += [bar._replace(name=f'{name}: {bar.name}') for bar in found]
        return bars

    def panel(self, number: int) -> np.ndarray:
        """A frame with its boxes and maps, see :func:`.frame_panel`."""
        caption = f'frame {number}, {self.video.seconds(number):.2f} s'
        found, kinds = None, KINDS
        if boxes := self.boxes:
            kinds = boxes.manifest.box_kinds
            copy = dict(
                total_frames=len(self.video),
                fps=self.video.fps or None,
                # of a variable rate, as training matches them
                frame_times=None if getattr(self.video, 'steady', True) else self.video.times,
            )
            found = boxes.detections(self.video_id, [number], **copy)
            (seen,) = stored_frames(np.array([number]), boxes.info(self.video_id), **copy)
            if seen != number:
                caption += f'; boxes: frame {seen} of the teacher'
        frame = fit_short_side(self.video[number], self.short_side)
        options = dict(cells=self.cells, min_score=self.min_score, kinds=kinds)
        return frame_panel(frame, caption, found, **options)

    def film(self, numbers: Iterable[int]) -> Iterator[np.ndarray]:
        """Pictures of an mp4: each frame's panel with the scores below."""
        strip = None
        for number in numbers:
            panel = self.panel(number)
            if strip is None:
                strip = score_strip(self.bars, panel.shape[1])
            yield np.vstack([panel, strip])

    def sheet(self, count: int, columns: int = 2) -> np.ndarray:
        """``count`` evenly spaced frames on one picture, under the scores of the video."""
        panels = [self.panel(number) for number in self.video.evenly(count)]
        tiles = grid(panels, min(columns, len(panels)))
        width = tiles.shape[1]
        teachers = [f'{name}: {store.manifest.teacher}' for name, store in self.stores.items()]
        title = f'{self.video_id}   ({len(self.video)} frames, {self.video.fps:.4g} fps)'
        parts = [heading([title], width), heading(teachers, width, GREY)]
        if self.bars:
            parts.append(score_strip(self.bars, width))
        return stack([*parts, tiles])


def check_ego_store(store: TargetStore) -> None:
    """Refuse a store whose scores are not [not ego, ego]."""
    check_drawable(store)
    if store.manifest.signal != 'ego_score' or store.manifest.num_scores != 2:
        raise VisualizationError(
            f'{store.path}: holds {store.manifest.num_scores or "no"} scores per video of signal '
            f'{store.manifest.signal!r}; expected the 2 of a store of Ego-Scores'
        )


def check_drawable(store: TargetStore) -> None:
    """Refuse a store whose rows are no picture: embeddings, and segments of videos."""
    manifest = store.manifest
    what = 'segments of videos' if manifest.has_segments else None
    what = 'embeddings' if manifest.score_kind == EMBEDDING else what
    if what:
        raise VisualizationError(
            f'{store.path}: signal {manifest.signal!r} holds {what}, which are not drawn or '
            'ranked; look at them with "tools/targets.py head"'
        )
