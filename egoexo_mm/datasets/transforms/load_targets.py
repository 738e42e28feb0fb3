"""Teacher targets of the sampled clip, in the geometry of its crop."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from egoexo_mm.checks import check_choice
from egoexo_mm.interaction_maps import MapGeometry, boxes_to_maps, place_boxes
from egoexo_mm.probabilities import STORED_FLOOR
from egoexo_mm.targets import (
    Detections,
    TargetStore,
    TargetStoreError,
    open_stores,
    video_id_from_path,
)
from egoexo_mm.targets.store.segments import Span
from egoexo_mm.untrusted import quote

from .geometry import view_geometry


@TRANSFORMS.register_module()
class LoadTargets(BaseTransform):
    """Read the teachers' outputs for the sampled frames and leave the training targets.

    Put it after all geometric transforms and before ``FormatShape``, and name its keys in
    ``PackActionInputs(algorithm_keys=('ego_score', 'object_score', 'interaction_map'))``.

    Required keys: ``frame_inds``, ``start_index``, ``num_clips``, ``clip_len``, ``img_shape``,
    ``keypoint`` (of ``TrackGeometry``, for boxes), and ``video_id`` or ``filename``. Optional key:
    ``frame_times``. Added keys, each only if its store has the video:

    - ``ego_score``, ``object_score``, and any other signal of scores or embeddings under its name:
      (C,) float32; stored probabilities become ``log p``, logits, scores and embeddings stay.
    - ``interaction_map``: (2, T, H, W) float32, channel 0 hand and 1 object, T maps a clip at the
      frames of the backbone's last feature map; (V, 2, T, H, W) for V > 1 views (clips x crops, in
      the order of ``FormatShape``). Boxes of another signal give ``<signal>_map`` with a channel
      for each of their ``kinds``.

    Of a store of segments a clip gets the row that equals the annotated segment it is cut from
    (``start_sec`` and ``stop_sec``, or ``cut_from``). If there is none it gets the row that shares
    the longest time with the clip, from its first frame to the end of its last one. A sample with
    ``cut_from = (video id, start, stop)`` shows a file that was cut from these seconds of a longer
    video (a keystep of a take, for example): it is looked up under that id and those seconds.

    Args:
        stores: Target name -> store folder. By default the dataset's (``targets`` of
            ``VideoTargetDataset`` and of the egocentric data sets).
        missing: A video that a store lacks is an ``'error'``, or its target is left out
            (``'skip'``, zero loss).
        time_stride: Like ``frame_sampling``, ``cell_size`` and ``join_clips`` a field of
            :class:`MapGeometry`. What is None is told by the model at start (``CheckTargetsHook``);
            without the hook it is SlowFast's (4, ``'linspace'``, 32, False). What is given is
            compared with the model.
        frame_sampling: The backbone's ``slow_sampling``.
        cell_size: The backbone's spatial stride.
        join_clips: Whether the model is a 2D recognizer.
        outside: See :func:`place_boxes`.
        soft: See :class:`MapGeometry`.

    Raises:
        MissingVideoError: A video is not in a store and ``missing='error'``.
        ValueError: For an unknown option, a clip length that ``time_stride`` does not divide, or a
            signal with the name of something else in the sample.
    """

    def __init__(
        self,
        *,
        stores: dict[str, str] | None = None,
        missing: str = 'error',
        time_stride: int | None = None,
        frame_sampling: str | None = None,
        cell_size: int | None = None,
        join_clips: bool | None = None,
        outside: str = 'drop',
        soft: bool = True,
    ) -> None:
        check_choice('LoadTargets: missing', missing, ('error', 'skip'))
        self.stores = open_stores(stores or {})
        self.missing = missing
        self.outside = outside
        self._given = dict(
            time_stride=time_stride,
            frame_sampling=frame_sampling,
            cell_size=cell_size,
            join_clips=join_clips,
            soft=soft,
        )
        self._given = {name: value for name, value in self._given.items() if value is not None}
        self.adopt(MapGeometry())

    @property
    def is_complete(self) -> bool:
        """Whether the config says all about the maps."""
        return {'time_stride', 'frame_sampling', 'cell_size', 'join_clips'} <= self._given.keys()

    def adopt(self, geometry: MapGeometry) -> None:
        """Take from ``geometry`` what the config does not say; call it before workers start."""
        self.geometry = dataclasses.replace(geometry, **self._given)
        self._seen: dict[int, np.ndarray] = {}  # clip length -> frames that the map shows

    @property
    def frame_sampling(self) -> str:
        """That of the geometry."""
        return self.geometry.frame_sampling

    def transform(self, results: dict) -> dict:
        """Add the targets of one sample."""
        stores = self.stores or results.pop('target_stores', {})
        missing = results.pop('missing_targets', self.missing)
        video_id = video_of(results)
        for name, store in stores.items():
            if name in results:
                raise ValueError(
                    f'LoadTargets: the sample has {name!r} already, which the target of '
                    f'{store.path} would replace; give the signal another name'
                )
            where = (video_id,)
            if store.manifest.has_segments:
                where = clip_place(results, video_id, store)
            if missing == 'skip' and not store.covers(*where):
                continue
            if store.manifest.kind == 'scores':
                target = self._scores(store, where)
            else:
                target = self._maps(store, video_id, results)
            results[name] = torch.from_numpy(target)
        results.pop('keypoint', None)
        return results

    @staticmethod
    def _scores(store: TargetStore, where: tuple) -> np.ndarray:
        scores = store.scores(*where)
        if store.manifest.score_kind == 'probabilities':
            return np.log(np.maximum(scores, STORED_FLOOR))
        return scores

    def _maps(self, store: TargetStore, video_id: str, results: dict) -> np.ndarray:
        """(K, T, H, W) of K kinds of boxes, or (V, K, T, H, W) for more than one view."""
        clip_len = results['clip_len']
        if self.geometry.join_clips:
            clip_len *= results['num_clips']
        if clip_len not in self._seen:
            try:
                self._seen[clip_len] = self.geometry.frames(clip_len).numpy()
            except ValueError as error:
                raise ValueError(f'LoadTargets: {error}') from None
        seen = self._seen[clip_len]
        # More rows than num_clips if SampleFrames(twice_sample=True) or a dense sampling has them.
        frames = results['frame_inds'].reshape(-1, clip_len)[:, seen]
        frames = frames - results['start_index']
        found = stored_boxes(store, video_id, frames, results)
        kinds = len(store.manifest.box_kinds)
        scale, offsets = view_geometry(results)
        grid = self.geometry.grid(results['img_shape'])
        views = []
        for offset in offsets:  # all clips of a crop at once, with their frames in one row
            box, kept = place_boxes(found.box, scale, offset, self.outside)
            maps = boxes_to_maps(
                box,
                found.score[kept],
                found.kind[kept],
                found.slot[kept],
                num_frames=frames.size,
                grid=grid,
                soft=self.geometry.soft,
                num_kinds=kinds,
            )
            views.append(maps.reshape(kinds, *frames.shape, *grid).swapaxes(0, 1))
        views = np.concatenate(views)
        return views[0] if len(views) == 1 else views


def video_of(results: dict) -> str:
    """Id of a sample's video in stores."""
    return results.get('video_id') or video_id_from_path(
        results.get('filename') or results['frame_dir']
    )


def own_span(row: dict) -> tuple[str | None, Span | None]:
    """The video and the seconds that a sample's annotation names; None where it names none."""
    if row.get('cut_from') is not None:
        video_id, start, stop = row['cut_from']
        return video_id, (start, stop)
    if row.get('start_sec') is not None:
        return None, (row['start_sec'], row['stop_sec'])
    return None, None


def clip_place(
    results: dict, video_id: str, store: TargetStore
) -> tuple[str, Span | None, Span | None]:
    """Video, span of the sampled clip and own span of a sample, for a store of segments.

    A clip whose frame rate neither the sample nor the store knows is placed at its own span.

    Raises:
        TargetStoreError: If there is none either.
    """
    longer, own = own_span(results)
    name = longer or video_id
    if name not in store:
        return name, own or (0.0, math.inf), own
    frames = np.asarray(results['frame_inds']) - results['start_index']
    first, last = int(frames.min()), int(frames.max())
    times, fps = results.get('frame_times'), results.get('avg_fps') or store.info(name).fps
    if times is not None:
        first, last = np.clip((first, last), 0, len(times) - 1)
        span = float(times[first]), float(times[last]) + (1 / fps if fps else 0.0)
    elif fps:
        span = first / fps, (last + 1) / fps
    elif own is not None:
        return name, own, own
    else:
        raise TargetStoreError(
            f'{store.path}: video {quote(name)}: the frame rate is not known, so the seconds of '
            'the clip are not; decode from a video, or write fps into the store'
        )
    if longer:
        span = own[0] + span[0], own[0] + span[1]
    return name, span, own


def stored_boxes(
    store: TargetStore, video_id: str, frames: np.ndarray, results: dict
) -> Detections:
    """Stored detections on frames of a sample, numbered from 0, in units of the source frame."""
    return store.detections(
        video_id,
        frames.ravel(),
        # of a segment, total_frames counts the segment and source_frames (None: unknown) the video
        total_frames=results.get('source_frames', results.get('total_frames')),
        fps=results.get('avg_fps'),
        frame_times=results.get('frame_times'),
    )
