"""The most and the least egocentric videos of a store, as the paper shows them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from egoexo_mm.targets import TargetStore, TargetStoreError, video_id_from_path
from egoexo_mm.targets.store.listed_videos import listed_paths
from egoexo_mm.video.names import files_below, is_video

from .draw import COLOURS
from .files import VideoFrames, VisualizationError
from .panels import ScoreBar, score_strip, shares
from .sheet import blank, grid, heading, letterbox, stack
from .text import GREY, LINE, draw_text
from .video_targets import check_ego_store

TILE = 304, 180  # width, height of a frame


def rank_by_ego(store: TargetStore) -> list[tuple[str, float]]:
    """All videos with their Ego-Score in [0, 1], the most egocentric first.

    Equal ones keep the order of the store.

    Raises:
        VisualizationError: For a store of another signal, or an empty one.
    """
    check_ego_store(store)
    ids = store.video_ids
    if not ids:
        raise VisualizationError(f'{store.path}: holds no video; run the teacher first')
    scores = np.stack([store.scores(video_id) for video_id in ids])
    # By difference, since logits still differ where the softmax of many videos is 1.0.
    order = np.argsort(scores[:, 0] - scores[:, 1], kind='stable')
    share = shares(scores, store.manifest.score_kind)[:, 1]
    return [(ids[i], float(share[i])) for i in order]


def find_videos(where: str | Path, rule: str) -> dict[str, Path]:
    """Videos by their id: all below a folder, or those of a list of ``path label`` lines.

    Paths of a list are relative to it.

    Raises:
        VisualizationError: For neither of them, or no video in it.
    """
    root = where = Path(where)
    if where.is_dir():
        videos = filter(is_video, files_below(where))
        names = [path.relative_to(where).as_posix() for path in videos]
    else:
        root = where.parent
        try:
            names = listed_paths(where)
        except TargetStoreError as error:
            raise VisualizationError(
                f'{error}; --videos takes a folder of videos or a list of "path label" lines'
            ) from None
    if not names:
        raise VisualizationError(
            f'{where}: no video in it (.mp4, .mkv, .webm, ...); give a folder of videos or a list '
            'of "path label" lines'
        )
    return {video_id_from_path(name, rule): root / name for name in names}


def ranking_sheet(
    store: TargetStore, videos: dict[str, Path], count: int = 8, columns: int = 4
) -> tuple[np.ndarray, list[str]]:
    """A picture with middle frames of the ``count`` most and the ``count`` least egocentric videos.

    A store of fewer videos is divided, the larger half to the most egocentric.

    Args:
        store: Ego-Scores.
        videos: Id -> path. A video without a path is a grey tile.
        count: Number of videos in each half, 1 or more.
        columns: Number of columns of tiles.

    Returns:
        The picture, and a message for each video without a frame.
    """
    ranked = rank_by_ego(store)
    most = min(count, (len(ranked) + 1) // 2)
    halves = {'most': ranked[:most], 'least': ranked[max(most, len(ranked) - count) :][::-1]}
    missing: list[str] = []
    parts: list[np.ndarray] = []
    for word, rows in halves.items():
        if rows:
            pictures = [_tile(name, share, videos, missing) for name, share in rows]
            tiles = grid(pictures, min(columns, most))
            parts += [heading([f'{word} first-person'], tiles.shape[1]), tiles]
    width = max(part.shape[1] for part in parts)
    facts = [f'{store.manifest.dataset}, {len(ranked)} videos', store.manifest.teacher]
    title = [heading(['Ego-Score'], width), heading(facts, width, GREY)]
    return stack([*title, *parts], gap=6), missing


def _tile(video_id: str, share: float, videos: dict[str, Path], missing: list[str]) -> np.ndarray:
    width, height = TILE
    frame = _middle_frame(video_id, videos, missing)
    if frame is None:
        picture = blank(width, height, (110,) * 3)
        draw_text(picture, 'no frame', 0, (height - LINE) // 2)
    else:
        picture = letterbox(frame, width, height)
    bar = score_strip([ScoreBar('ego', share, COLOURS['ego'])], width)
    return np.vstack([picture, heading([video_id], width), bar])


def _middle_frame(video_id: str, videos: dict[str, Path], missing: list[str]) -> np.ndarray | None:
    if video_id not in videos:
        missing.append(f'{video_id}: not among the {len(videos)} videos given')
        return None
    try:
        video = VideoFrames(videos[video_id])
        return video[len(video) // 2]
    except VisualizationError as error:
        missing.append(str(error))
        return None
