"""Annotation files of 100DOH (https://github.com/ddshan/hand_object_detector), one XML an image.

The format is that of Pascal VOC with more elements. An object looks as follows. Elements without a
value are empty or say None. Pixels count from 1::

    <object>
      <name>hand</name>                  <!-- or targetobject -->
      <pose>Unspecified</pose> <truncated>0</truncated> <difficult>0</difficult>
      <bndbox><xmin>100</xmin><ymin>90</ymin><xmax>180</xmax><ymax>160</ymax></bndbox>
      <contactstate>3</contactstate>     <!-- 0 none, 1 self, 2 other person,
                                              3 portable, 4 stationary object -->
      <contactright>0</contactright> <contactleft>0</contactleft>
      <handside>1</handside>             <!-- 0 left, 1 right -->
      <objxmin>200</objxmin> <objymin>90</objymin> <objxmax>260</objxmax> <objymax>160</objymax>
      <magnitude>90.0</magnitude> <unitdx>0.1</unitdx> <unitdy>0.0</unitdy>
    </object>

Legend: G objects of a file; each array of a record has G rows.
"""

from __future__ import annotations

import math
import os
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, fields
from pathlib import Path

import numpy as np

from egoexo_mm.interaction_maps import DETECTOR_CLASSES
from egoexo_mm.untrusted import quote, shorten
from egoexo_mm.untrusted.xml_text import parse_xml
from egoexo_mm.video_lists import read_text

from .tables import parse_number

_CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')
_HELD = tuple(f'obj{corner}' for corner in _CORNERS)
_OF_HANDS = ('contactstate', 'handside', *_HELD, 'magnitude', 'unitdx', 'unitdy')


def _column(kind: type, *shape: int) -> np.ndarray:
    """A field of the record with a row for each object."""
    return field(metadata=dict(kind=kind, shape=shape))


@dataclass(frozen=True)
class HandObjectRecord:
    """Annotation of an image, in pixels that count from 0."""

    stem: str
    size: tuple[int, int] | None  # width, height; None where the file does not say
    boxes: np.ndarray = _column(float, 4)  # x1, y1, x2, y2, ends inside
    labels: np.ndarray = _column(int)  # 0 target object, 1 hand
    difficult: np.ndarray = _column(bool)
    truncated: np.ndarray = _column(bool)
    states: np.ndarray = _column(int)  # 0 to 4; 0 for objects, like the following
    contact_right: np.ndarray = _column(int)
    contact_left: np.ndarray = _column(int)
    sides: np.ndarray = _column(int)  # 0 left, 1 right
    object_boxes: np.ndarray = _column(float, 4)  # box of what a hand touches; NaN for none
    magnitudes: np.ndarray = _column(float)  # pixels from the hand's centre to the object's
    directions: np.ndarray = _column(float, 2)  # dx, dy as written


def read_stems(path: str | os.PathLike) -> list[str]:
    """File stems of a split, one a line.

    Raises:
        ValueError: The file is missing, empty, or lists an image twice.
    """
    expected = 'expected a file stem a line'
    try:
        stems = [stem for line in read_text(path).split('\n') if (stem := line.strip())]
    except ValueError as error:
        reason = str(error).removeprefix(f'{path}: ')
        raise ValueError(
            f'{path}: cannot be read as a list of images ({reason}); {expected}'
        ) from None
    if not stems:
        raise ValueError(f'{path}: lists no image; {expected}')
    twice = [stem for stem, count in Counter(stems).items() if count > 1]
    if twice:
        raise ValueError(f'{path}: lists {quote(twice[0])} twice; remove one of them')
    return stems


def read_hand_object_xml(path: str | os.PathLike) -> HandObjectRecord:
    """Read an annotation file.

    Raises:
        ValueError: The file cannot be read, or a field is wrong. The message names the file, the
            object (from 1), the field, and what was expected.
    """
    try:
        with open(path, 'rb') as file:
            root = parse_xml(file)
    except OSError as error:
        raise ValueError(
            f'{path}: cannot be read ({error.strerror or error}); get the annotations or correct '
            'the list of images'
        ) from None
    except ValueError as error:
        reason = shorten(str(error))
        raise ValueError(f'{path}: no XML, or cut off ({reason}); get the file again') from None
    rows = [
        _read_object(_Object(f'{path}: object {number}', element))
        for number, element in enumerate(root.findall('object'), 1)
    ]
    arrays = {}
    for column in fields(HandObjectRecord)[2:]:
        values = np.array([row[column.name] for row in rows], column.metadata['kind'])
        arrays[column.name] = values.reshape(len(rows), *column.metadata['shape'])
    return HandObjectRecord(stem=Path(path).stem, size=_read_size(path, root), **arrays)


class _Object:
    """An object of a file, whose elements are checked as they are read."""

    def __init__(self, where: str, element: ET.Element) -> None:
        self.where, self.xml = where, element

    def bad(self, problem: str) -> ValueError:
        return ValueError(f'{self.where}: {problem}; correct or remove the object')

    def element(self, name: str) -> str | None:
        """The element's text, None where it is absent, empty or None."""
        value = (self.xml.findtext(name) or '').strip()
        return None if value in ('', 'None') else value

    def number(self, name: str, default: float | None = None) -> float:
        """A finite number; without ``default`` it must have a value."""
        text = self.element(name)
        if text is None and default is not None:
            return default
        value = parse_number(text)
        if not math.isfinite(value):
            found = shorten(text or 'missing', 80)
            raise self.bad(f'{name.replace("/", " ")} is {found}, expected a number')
        return value

    def one_of(self, name: str, most: int) -> int:
        """A whole number from 0 to ``most``; 0 where it has no value."""
        value = self.number(name, 0.0)
        if value not in range(most + 1):
            found = shorten(self.element(name) or '', 80)
            raise self.bad(f'{name} is {found}, expected 0 to {most}')
        return int(value)

    def box(self, names: Iterable[str]) -> list[float]:
        """Corners in pixels from 0; the file counts from 1."""
        corners = [self.number(name) - 1 for name in names]
        if corners[2] < corners[0] or corners[3] < corners[1]:
            first = next(iter(names)).replace('/', ' ')
            raise self.bad(f'{first} or the following put the end of a box before its start')
        return corners


def _read_object(item: _Object) -> dict:
    name = (item.element('name') or '').lower()
    if name not in DETECTOR_CLASSES:
        raise item.bad(f'name is {shorten(name or "missing", 80)}, expected hand or targetobject')
    row = dict(
        labels=DETECTOR_CLASSES.index(name),
        boxes=item.box([f'bndbox/{corner}' for corner in _CORNERS]),
        difficult=item.one_of('difficult', 1),
        truncated=item.one_of('truncated', 1),
        states=0,
        contact_right=0,
        contact_left=0,
        sides=0,
        object_boxes=[math.nan] * 4,
        magnitudes=0.0,
        directions=[0.0, 0.0],
    )
    if name == 'hand':
        lacking = [name for name in _OF_HANDS if item.xml.find(name) is None]
        if lacking:
            raise item.bad(
                f'the hand lacks {", ".join(lacking)}, which may be empty but not absent'
            )
        row.update(
            states=item.one_of('contactstate', 4),
            contact_right=item.one_of('contactright', 4),
            contact_left=item.one_of('contactleft', 4),
            sides=item.one_of('handside', 1),
            magnitudes=item.number('magnitude', 0.0),
            directions=[item.number('unitdx', 0.0), item.number('unitdy', 0.0)],
        )
        if all(map(item.element, _HELD)):  # a box with a side unknown counts as none
            row['object_boxes'] = item.box([*_HELD])
    return row


def _read_size(path: str | os.PathLike, root: ET.Element) -> tuple[int, int] | None:
    texts = [root.findtext(f'size/{side}') for side in ('width', 'height')]
    if not any(texts):
        return None
    try:
        width, height = map(int, texts)
    except (TypeError, ValueError):
        found = ' x '.join(shorten(str(text), 40) for text in texts)
        raise ValueError(f'{path}: size is {found}, expected width and height in pixels') from None
    # some tools write zeros for an unknown size
    return (width, height) if width > 0 and height > 0 else None
