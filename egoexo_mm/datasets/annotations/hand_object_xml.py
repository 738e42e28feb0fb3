"""Annotation files of 100DOH (https://github.com/ddshan/hand_object_detector): one VOC-style XML an image.

An object looks like this; elements without a value are empty or say None::

    <object>
      <name>hand</name>                              <!-- or targetobject -->
      <pose>Unspecified</pose> <truncated>0</truncated> <difficult>0</difficult>
      <bndbox><xmin>100</xmin><ymin>90</ymin><xmax>180</xmax><ymax>160</ymax></bndbox>   <!-- pixels from 1 -->
      <contactstate>3</contactstate>                 <!-- 0 none, 1 self, 2 other person, 3 portable, 4 stationary object -->
      <contactright>0</contactright> <contactleft>0</contactleft>
      <handside>1</handside>                         <!-- 0 left, 1 right -->
      <objxmin>200</objxmin> <objymin>90</objymin> <objxmax>260</objxmax> <objymax>160</objymax>
      <magnitude>90.0</magnitude> <unitdx>0.1</unitdx> <unitdy>0.0</unitdy>
    </object>

Legend: G objects of a file.
"""

from __future__ import annotations

import math
import os
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from egoexo_mm.untrusted import quote, shorten
from egoexo_mm.untrusted.xml_text import parse_xml

CLASSES = ('targetobject', 'hand')  # by label
HAND = CLASSES.index('hand')
_CORNERS = ('xmin', 'ymin', 'xmax', 'ymax')
_HELD = tuple(f'obj{corner}' for corner in _CORNERS)
_OF_HANDS = ('contactstate', 'handside', *_HELD, 'magnitude', 'unitdx', 'unitdy')


@dataclass(frozen=True)
class HandObjectRecord:
    """Annotation of an image, in pixels that count from 0."""

    stem: str
    size: tuple[int, int] | None  # width, height; None where the file does not say
    boxes: np.ndarray  # (G, 4) float64 x1, y1, x2, y2, ends inside
    labels: np.ndarray  # (G,) 0 target object, 1 hand
    difficult: np.ndarray  # (G,) bool
    truncated: np.ndarray  # (G,) bool
    states: np.ndarray  # (G,) 0 to 4; 0 for objects, as the following
    contact_right: np.ndarray  # (G,)
    contact_left: np.ndarray  # (G,)
    sides: np.ndarray  # (G,) 0 left, 1 right
    object_boxes: np.ndarray  # (G, 4) box of what a hand touches; NaN for none
    magnitudes: np.ndarray  # (G,) pixels from the hand's centre to the object's
    directions: np.ndarray  # (G, 2) dx, dy as written


def read_stems(path: str | os.PathLike) -> list[str]:
    """File stems of a split, one a line.

    Raises:
        ValueError: the file is missing, empty, or lists an image twice.
    """
    try:
        stems = [
            line.strip()
            for line in Path(path).read_text(encoding='utf-8-sig').splitlines()
            if line.strip()
        ]
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(
            f'{path}: cannot be read as a list of images ({error}); expected a file stem a line'
        ) from None
    if not stems:
        raise ValueError(f'{path}: lists no image; expected a file stem a line')
    if len(set(stems)) < len(stems):
        seen = set()
        double = next(stem for stem in stems if stem in seen or seen.add(stem))
        raise ValueError(f'{path}: lists {quote(double)} twice; remove one of them')
    return stems


def read_hand_object_xml(path: str | os.PathLike) -> HandObjectRecord:
    """Read an annotation file.

    Raises:
        ValueError: naming file, object (from 1) and field, and what was expected.
    """
    try:
        with open(path, 'rb') as file:
            root = parse_xml(file)
    except OSError as error:
        raise ValueError(
            f'{path}: cannot be read ({error.strerror or error}); get the annotations or correct the list of '
            'images'
        ) from None
    except ValueError as error:
        raise ValueError(
            f'{path}: no XML, or cut off ({shorten(str(error))}); get the file again'
        ) from None
    rows = [
        _read_object(_Element(path, number, element))
        for number, element in enumerate(root.findall('object'), 1)
    ]
    columns = {name: [row[name] for row in rows] for name in _COLUMNS}
    arrays = {
        name: np.array(columns[name], kind).reshape(len(rows), *shape)
        for name, (kind, *shape) in _COLUMNS.items()
    }
    return HandObjectRecord(stem=Path(path).stem, size=_read_size(path, root), **arrays)


_COLUMNS = {  # dtype and shape of a row
    'boxes': (float, 4),
    'labels': (int,),
    'difficult': (bool,),
    'truncated': (bool,),
    'states': (int,),
    'contact_right': (int,),
    'contact_left': (int,),
    'sides': (int,),
    'object_boxes': (float, 4),
    'magnitudes': (float,),
    'directions': (float, 2),
}


class _Element:
    """An object element, whose fields are checked as they are read."""

    def __init__(self, path: str | os.PathLike, number: int, element: ET.Element) -> None:
        self.where, self.element = f'{path}: object {number}', element

    def bad(self, problem: str) -> ValueError:
        return ValueError(f'{self.where}: {problem}; correct or remove the object')

    def text(self, name: str) -> str | None:
        """The field, None where it is absent, empty or None."""
        value = (self.element.findtext(name) or '').strip()
        return None if value in ('', 'None') else value

    def number(self, name: str, default: float | None = None) -> float:
        """The field as a finite number; without ``default`` it must have a value."""
        text = self.text(name)
        if text is None and default is not None:
            return default
        try:
            value = float(text or '')
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.bad(
                f'{name.replace("/", " ")} is {shorten(text or "missing", 80)}, expected a number'
            )
        return value

    def integer(self, name: str, most: int) -> int:
        """The field as one of 0 to ``most``; 0 where it has no value."""
        value = self.number(name, 0.0)
        if value not in range(most + 1):
            raise self.bad(f'{name} is {shorten(self.text(name) or "", 80)}, expected 0 to {most}')
        return int(value)

    def box(self, names: list[str]) -> list[float]:
        """Corners, which the file counts from 1, from 0."""
        corners = [self.number(name) - 1 for name in names]
        if corners[2] < corners[0] or corners[3] < corners[1]:
            raise self.bad(
                f'{names[0].replace("/", " ")} or the following put the end of a box before its start'
            )
        return corners


def _read_object(item: _Element) -> dict:
    name = (item.text('name') or '').lower()
    if name not in CLASSES:
        raise item.bad(f'name is {shorten(name or "missing", 80)}, expected hand or targetobject')
    row = dict(
        labels=CLASSES.index(name),
        boxes=item.box([f'bndbox/{corner}' for corner in _CORNERS]),
        difficult=item.integer('difficult', 1),
        truncated=item.integer('truncated', 1),
        states=0,
        contact_right=0,
        contact_left=0,
        sides=0,
        object_boxes=[math.nan] * 4,
        magnitudes=0.0,
        directions=[0.0, 0.0],
    )
    if name == 'hand':
        lacking = [field for field in _OF_HANDS if item.element.find(field) is None]
        if lacking:
            raise item.bad(
                f'the hand lacks {", ".join(lacking)}, which may be empty but not absent'
            )
        row.update(
            states=item.integer('contactstate', 4),
            contact_right=item.integer('contactright', 4),
            contact_left=item.integer('contactleft', 4),
            sides=item.integer('handside', 1),
            magnitudes=item.number('magnitude', 0.0),
            directions=[item.number('unitdx', 0.0), item.number('unitdy', 0.0)],
        )
        if all(item.text(field) for field in _HELD):  # a box with a side unknown counts as none
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
    return (
        (width, height) if width > 0 and height > 0 else None
    )  # some tools write zeros for unknown
