"""Size and frame rate of the frames on which released boxes were detected.

The files hold pixels and do not say of which frame size; a wrong size puts every box elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from egoexo_mm.csv_files import read_csv_rows
from egoexo_mm.untrusted import quote
from egoexo_mm.untrusted.quoting import shorten
from egoexo_mm.video import BrokenVideoError, is_video, open_frames
from egoexo_mm.video.frame_sets import FolderFrames
from egoexo_mm.video.names import files_below

from ..store.errors import TargetStoreError
from ..store.manifest import video_id_from_path


class FrameSize(NamedTuple):
    """Frames the detector saw; ``fps`` and ``num_frames`` are 0 where unknown."""

    width: int
    height: int
    fps: float = 0.0
    num_frames: int = 0


SizeOf = Callable[[str], FrameSize]


def sizes_from_csv(path: str | Path) -> SizeOf:
    """Sizes per video from a CSV with header ``video_id,width,height[,fps,num_frames]``.

    Raises:
        TargetStoreError: no such file, another header, or a line that does not parse.
    """
    try:
        names, rows = read_csv_rows(path, FrameSize._fields + ('video_id',))
    except ValueError as error:
        raise TargetStoreError(str(error)) from None
    if not {'video_id', 'width', 'height'} <= set(names):
        raise TargetStoreError(
            f'{path}: header is {quote(names)}; expected video_id,width,height[,fps,num_frames]'
        )
    table: dict[str, FrameSize] = {}
    for line, row in rows:
        size = _size_from_row(row, f'{path} line {line}')
        if table.setdefault(row.get('video_id', ''), size) != size:
            raise TargetStoreError(
                f'{path} line {line}: another size of video {quote(row.get("video_id", ""))} than '
                'in a line before; keep the one of the frames that the detector saw'
            )

    def size_of(video_id: str) -> FrameSize:
        if video_id not in table:
            raise TargetStoreError(
                f'{path}: no line for video {quote(video_id)}; add its frame size'
            )
        return table[video_id]

    return size_of


def _size_from_row(row: dict[str, str], where: str) -> FrameSize:
    try:
        size = FrameSize(
            int(row['width']),
            int(row['height']),
            float(row.get('fps') or 0),
            int(row.get('num_frames') or 0),
        )
    except (KeyError, ValueError):
        size = FrameSize(0, 0)
    if not (
        size.width > 0 and size.height > 0 and size.num_frames >= 0 and 0 <= size.fps < float('inf')
    ):
        raise TargetStoreError(
            f'{where}: width and height must be positive whole numbers, fps and '
            f'num_frames numbers or empty, found {quote(list(row.values()))}'
        )
    return size


def sizes_from_videos(root: str | Path, short_side: int) -> SizeOf:
    """Sizes of videos found below ``root`` by file stem, scaled to a given short side.

    The aspect ratio and the frame rate come from each video.

    Raises:
        TargetStoreError: no such folder, two videos with one stem; later, per video, no such
            video or one that does not open.
    """
    if not Path(root).is_dir():
        raise TargetStoreError(f'{root}: no such folder of videos')
    paths: dict[str, Path] = {}
    for path in filter(is_video, files_below(root)):
        first = paths.setdefault(video_id_from_path(path.name), path)
        if first != path:
            raise TargetStoreError(
                f'{path} and {first} share a file stem, so boxes cannot be matched by it; give '
                'frame sizes as a CSV (--sizes)'
            )

    def size_of(video_id: str) -> FrameSize:
        if video_id not in paths:
            raise TargetStoreError(
                f'{root}: no video with file stem {quote(video_id)}; add it, or '
                'give frame sizes as a CSV (--sizes)'
            )
        width, height, fps = _probe(paths[video_id])
        scale = short_side / min(width, height)
        return FrameSize(round(width * scale), round(height * scale), fps)

    return size_of


def sizes_from_frames(root: str | Path) -> SizeOf:
    """Sizes of the frames that boxes were detected on: of the first picture in ``root/<video>/``.

    Raises:
        TargetStoreError: No such folder; later, per video, no such folder in it, or none of a
            picture that can be read.
    """
    if not Path(root).is_dir():
        raise TargetStoreError(f'{root}: no such folder of frames')

    def size_of(video_id: str) -> FrameSize:
        folder = Path(root) / video_id
        try:
            height, width = FolderFrames(folder).get_batch([0])[0].shape[:2]
        except (BrokenVideoError, OSError) as error:
            raise TargetStoreError(
                f'{shorten(str(error))}; expected the frames of video {quote(video_id)} there. Add '
                'them, or give frame sizes as a CSV (--sizes)'
            ) from None
        return FrameSize(width, height)

    return size_of


def _probe(path: Path) -> tuple[int, int, float]:
    """Width and height as shown, and frames per second of a video."""
    try:
        reader = open_frames(str(path))
        return *reader.size, float(reader.get_avg_fps())
    except BrokenVideoError as error:
        reason = str(error).replace(f'{path}: ', '', 1)
        raise TargetStoreError(
            f'{path}: does not open as a video ({reason}); replace or remove it'
        ) from None
