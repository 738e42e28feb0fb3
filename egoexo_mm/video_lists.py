"""Lists of videos, one line ``path label`` each: one parser for training, extraction and checks.

People write such lists by hand, with pandas and with spreadsheets. The parser accepts a byte order
mark, Windows line ends, tabs, several blanks, blanks within file names, quoted names, and a comma
or semicolon after a file name. Text that is not UTF-8 is refused, with the name of the file.
"""

from __future__ import annotations

import codecs
import re
from pathlib import Path
from typing import NamedTuple

_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # a UTF-32 mark begins like one of them
_INTEGER = r'[+-]?\d+'
# a file name with an extension ends where the labels begin; without one only white space tells
_FILE = re.compile(rf'(.*?\.[A-Za-z]\w{{1,4}}"?)((?:(?:\s*[,;]\s*|\s+){_INTEGER})+)')
_NAME_AND_LABEL = re.compile(rf'(.*\S)(\s+{_INTEGER})')
_NAME_AND_LABELS = re.compile(rf'(.*?\S)((?:\s+{_INTEGER})+)')


class ListedVideo(NamedTuple):
    """A line of a list: its number from 1, the path as written, and the labels, if any."""

    line: int
    path: str
    labels: tuple[int, ...]


def decode_text(content: bytes, name: str | Path, first_line: int = 1) -> str:
    """Text of a file in UTF-8, without byte order marks; a line feed ends each line.

    Args:
        content: The bytes.
        name: Of the file, for messages.
        first_line: Number of the line at which they begin, for messages.

    Raises:
        ValueError: The file is in another encoding.
    """
    if content.startswith(_UTF16) or b'\0' in content[:1000]:
        raise ValueError(f'{name}: is text in UTF-16 or no text at all; save it as UTF-8')
    try:
        text = content.decode('utf-8')
    except UnicodeDecodeError as error:
        line = content.count(b'\n', 0, error.start) + first_line
        raise ValueError(
            f'{name}, line {line}: is not UTF-8 text (byte 0x{content[error.start]:02x}); '
            'save the file as UTF-8'
        ) from None
    # where files were put together, a mark is also found in the middle
    return text.replace('\ufeff', '').replace('\r\n', '\n').replace('\r', '\n')


def read_text(path: str | Path) -> str:
    """Read a file and decode it with :func:`decode_text`.

    Raises:
        ValueError: The file cannot be read, or is in another encoding than UTF-8.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise ValueError(
            f'{path}: cannot be read ({error.strerror}); give an existing file'
        ) from None
    return decode_text(content, path)


def parse_video_list(
    text: str,
    name: str | Path,
    *,
    several: bool | None = False,
    unlabelled: bool = False,
    delimiter: str = ' ',
) -> list[ListedVideo]:
    """The videos of a list. Empty lines are skipped.

    Args:
        text: Content of the list, from :func:`decode_text`.
        name: Name of the file, for messages.
        several: Lines have one label (False), one or more (True), or any number, also none (None).
        unlabelled: Also accept a list in which no line has a label.
        delimiter: Stands between path and label. A blank means any white space, or a comma or
            semicolon after the extension of a file name.

    Raises:
        ValueError: A line has another form, or the list is empty.
    """
    found, lines = [], {}
    for number, line in enumerate(map(str.strip, text.split('\n')), 1):
        if line:
            path, labels = _split(line, delimiter, several)
            found.append(
                ListedVideo(number, path[1:-1] if re.fullmatch('".+"', path) else path, labels)
            )
            lines[number] = line
    if not found:
        raise ValueError(f'{name}: the list is empty; expected one "path label" line a video')
    if several is None or unlabelled and not any(video.labels for video in found):
        return found
    for number, _, labels in found:
        if not labels or len(labels) > 1 and not several:
            expected = 'path{0}label{0}label ...' if several else 'path{0}label'
            remedy = (
                'set multi_class=True and num_classes for lists of several labels, or '
                if labels
                else ''
            )
            raise ValueError(
                f'{name}, line {number}: expected "{expected.format(delimiter or " ")}" with an '
                f'integer label, got {lines[number][:200]!r}; {remedy}correct or remove the line'
            )
    return found


def _split(line: str, delimiter: str, several: bool | None) -> tuple[str, tuple[int, ...]]:
    """Path and labels of a line; a line that does not end in integers has no labels."""
    if delimiter not in (' ', '', None):
        parts = [part.strip() for part in line.split(delimiter)]
        path, labels = (
            (parts[0], parts[1:]) if several else (delimiter.join(parts[:-1]), parts[-1:])
        )
        found = path and all(re.fullmatch(_INTEGER, label) for label in labels)
        return (path, tuple(map(int, labels))) if found else (line, ())
    match = _FILE.fullmatch(line) or (_NAME_AND_LABELS if several else _NAME_AND_LABEL).fullmatch(
        line
    )
    return (match[1], tuple(map(int, re.findall(_INTEGER, match[2])))) if match else (line, ())
