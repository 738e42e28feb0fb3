"""Folders of numbered frames: which numbers are there, and whether the files are called as the settings say."""

from __future__ import annotations

import os
import os.path as osp
import re
from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

_NUMBERED = re.compile(r'(.*?)(\d+)(\.(?:jpe?g|png|bmp|webp))', re.IGNORECASE)


class FrameFolder(NamedTuple):
    """Numbers of the frame files in a folder, ascending, and what is wrong with it, if anything, with an example's path."""

    numbers: list[int]
    problem: str | None
    path: str


def read_frame_folder(
    folder: str, template: str, start_index: int, video_id: str | None = None
) -> FrameFolder:
    """List a folder and compare its file names with the settings.

    Args:
        folder: of the frames. Hidden files, such as the ``._`` companions of macOS, are passed over.
        template: name of a frame file from its number.
        start_index: number of the first frame.
        video_id: where the setting ``filename_tmpl`` contains ``{video_id}``: the id that ``template`` was made with.
    """
    try:
        names = {name for name in os.listdir(folder) if not name.startswith('.')}
    except OSError:
        return FrameFolder([], 'missing', folder)
    pattern = re.compile(
        r'(\d+)'.join(re.escape(part) for part in re.split(r'\{[^}]*\}', template))
    )
    similar = [(int(match[1]), name) for name in names if (match := pattern.fullmatch(name))]
    numbers = sorted(number for number, name in similar if template.format(number) == name)
    if len(numbers) < len(similar) or not numbers:
        found = _template_of(names)
        if found is None:
            return FrameFolder([], 'without frames', folder)
        other, example = found
        if video_id is not None:
            other = other.replace('{', '{{').replace('}', '}}').replace(video_id, '{video_id}')
        return FrameFolder(
            [],
            f'with files named otherwise (set filename_tmpl={other!r})',
            osp.join(folder, example),
        )
    first = numbers[0]
    if start_index == 1 and first == 0 or start_index == 0 and first == 1:
        return FrameFolder(
            numbers,
            f'numbered from {first} (set start_index={first})',
            osp.join(folder, template.format(first)),
        )
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
    return prefix + (
        f'{{:0{width}}}' if padded else '{}'
    ) + extension, f'{prefix}{first}{extension}'
