"""Folders of numbered frames: which numbers exist, and whether file names fit the settings."""

from __future__ import annotations

import os
import os.path as osp
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

_NUMBERED = re.compile(r'(.*?)(\d+)(\.(?:jpe?g|png|bmp|webp))', re.IGNORECASE)


class FrameFolder(NamedTuple):
    """Numbers of a folder's frame files, ascending; what is wrong, if anything; an example."""

    numbers: list[int]
    problem: str | None
    path: str


def read_frame_folder(
    folder: str, template: str, start_index: int, video_id: str | None = None
) -> FrameFolder:
    """List a folder and compare its file names with the settings.

    Args:
        folder: Holds the frames. Hidden files, such as the ``._`` companions of macOS, are skipped.
        template: Name of a frame file from its number.
        start_index: Number of the first frame.
        video_id: The id in ``template``, where the setting ``filename_tmpl`` has ``{video_id}``.
    """
    try:
        names = {name for name in os.listdir(folder) if not name.startswith('.')}
    except OSError:
        return FrameFolder([], 'missing', folder)
    pattern = re.compile(r'(\d+)'.join(map(re.escape, re.split(r'\{[^}]*\}', template))))
    similar = [(int(match[1]), name) for name in names if (match := pattern.fullmatch(name))]
    numbers = sorted(number for number, name in similar if template.format(number) == name)
    if len(numbers) < len(similar) or not numbers:
        found = _template_of(names)
        if found is None:
            return FrameFolder([], 'without frames', folder)
        other, example = found
        if video_id is not None:
            other = other.replace('{', '{{').replace('}', '}}').replace(video_id, '{video_id}')
        problem = f'with files named otherwise (set filename_tmpl={other!r})'
        return FrameFolder([], problem, osp.join(folder, example))
    first = numbers[0]
    if start_index == 1 and first == 0 or start_index == 0 and first == 1:
        problem = f'numbered from {first} (set start_index={first})'
        return FrameFolder(numbers, problem, osp.join(folder, template.format(first)))
    return FrameFolder(numbers, None, folder)


def _template_of(names: Iterable[str]) -> tuple[str, str] | None:
    """Template of the largest series of numbered pictures, and the name of its first."""
    series = defaultdict(list)
    for name in names:
        if match := _NUMBERED.fullmatch(name):
            series[match[1], match[3]].append(match[2])
    if not series:
        return None
    (prefix, extension), digits = max(series.items(), key=lambda item: len(item[1]))
    padded = any(len(text) > 1 and text[0] == '0' for text in digits)
    width = min(map(len, digits))
    first = min(digits, key=int)
    number = f'{{:0{width}}}' if padded else '{}'
    return prefix + number + extension, prefix + first + extension
