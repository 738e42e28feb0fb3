"""Size and frame rate of the frames on which released boxes were detected.

The files hold pixels and do not say of which frame size; a wrong size puts every box elsewhere.
"""
import csv
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from egoexo_mm.untrusted import quote, shorten
from egoexo_mm.video import open_video

from .errors import TargetStoreError
from .manifest import video_id_from_path

_VIDEO_SUFFIXES = ('.mp4', '.mkv', '.webm', '.avi', '.mov', '.m4v')


class FrameSize(NamedTuple):
    """Frames the detector saw; ``fps`` and ``num_frames`` are 0 where unknown."""
    width: int
    height: int
    fps: float = 0.
    num_frames: int = 0


SizeOf = Callable[[str], FrameSize]


def sizes_from_csv(path: str | Path) -> SizeOf:
    """Sizes per video from a CSV with header ``video_id,width,height[,fps,num_frames]``.

    Raises:
        TargetStoreError: no such file, another header, or a line that does not parse.
    """
    table: dict[str, FrameSize] = {}
    try:
        with open(path, newline='', encoding='utf-8') as file:
            reader = csv.DictReader(file)
            names = reader.fieldnames or []
            if not {'video_id', 'width', 'height'} <= set(names):
                raise TargetStoreError(f'{path}: header is {quote(names)}; expected '
                                       'video_id,width,height[,fps,num_frames]')
            for row in reader:
                table[row['video_id']] = _size_from_row(row, f'{path} line {reader.line_num}')
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise TargetStoreError(f'{path}: cannot be read ({shorten(str(error))}); expected a CSV of frame '
                               'sizes') from None

    def size_of(video_id: str) -> FrameSize:
        if video_id not in table:
            raise TargetStoreError(f'{path}: no line for video {video_id!r}; add its frame size')
        return table[video_id]

    return size_of


def _size_from_row(row: dict[str, str], where: str) -> FrameSize:
    try:
        size = FrameSize(int(row['width']), int(row['height']), float(row.get('fps') or 0),
                         int(row.get('num_frames') or 0))
    except (TypeError, ValueError):
        size = FrameSize(0, 0)
    if not (size.width > 0 and size.height > 0 and size.num_frames >= 0
            and 0 <= size.fps < float('inf')):
        raise TargetStoreError(f'{where}: width and height must be positive whole numbers, fps and '
                               f'num_frames numbers or empty, found {quote(list(row.values()))}')
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
    for folder, _, names in os.walk(root):
        for name in names:
            if name.lower().endswith(_VIDEO_SUFFIXES):
                path = Path(folder, name)
                first = paths.setdefault(video_id_from_path(name), path)
                if first != path:
                    raise TargetStoreError(f'{path} and {first} share a file stem, so boxes cannot '
                                           'be matched by it; give frame sizes as a CSV (--sizes)')

    def size_of(video_id: str) -> FrameSize:
        if video_id not in paths:
            raise TargetStoreError(f'{root}: no video with file stem {video_id!r}; add it, or '
                                   'give frame sizes as a CSV (--sizes)')
        width, height, fps = _probe(paths[video_id])
        scale = short_side / min(width, height)
        return FrameSize(round(width * scale), round(height * scale), fps)

    return size_of


def _probe(path: Path) -> tuple[int, int, float]:
    """Width, height and frames per second of a video."""
    try:
        reader = open_video(path)
        height, width, _ = reader[0].shape
        return width, height, float(reader.get_avg_fps())
    except Exception as error:  # decord has no error class that all versions share
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        raise TargetStoreError(f'{path}: does not open as a video ({reason}); replace or remove '
                               'it') from None
