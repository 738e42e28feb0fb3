"""The six average precisions of the hand-object detector of Shan et al. (https://arxiv.org/abs/2006.06669).

Legend: H detected hands, O detected objects, G annotated boxes of an image. Boxes are
(x1, y1, x2, y2) in pixels with both ends inside, so that a side has ``x2 - x1 + 1`` pixels. A row
of 10 is box, score, contact state, magnitude, dx, dy, side; ``10000 * magnitude * (dx, dy)``, with
(dx, dy) of length 0.1, leads from a hand's centre to that of its object in pixels.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from egoexo_mm.interaction_maps import HAND_LABEL, OBJECT_LABEL

NAMES = ('Hand', 'Obj', 'H+Side', 'H+State', 'H+O', 'All')  # as the authors' tables have them
IOU_THRESHOLD = 0.5
_STATE, _MAGNITUDE, _DX, _DY, _SIDE = range(5, 10)


class Detections(NamedTuple):
    """What a detector found in an image; finite."""

    hands: np.ndarray  # (H, 10) rows
    objects: np.ndarray  # (O, >= 5), of which box and score count


class Truth(NamedTuple):
    """What is annotated in an image."""

    boxes: np.ndarray  # (G, 4)
    labels: np.ndarray  # (G,) OBJECT_LABEL or HAND_LABEL
    difficult: np.ndarray  # (G,) bool: neither found nor missed
    states: np.ndarray  # (G,) 0 to 4
    sides: np.ndarray  # (G,) 0 left, 1 right
    object_boxes: np.ndarray  # (G, 4) object of a hand; NaN where it has none


def hand_object_aps(
    images: Sequence[tuple[Detections, Truth]], *, text_rounding: bool = False
) -> dict[str, float]:
    """Average precision, in [0, 1], under six definitions of a right detection.

    * Hand, Obj: the annotated box with the largest IoU has IoU > 0.5 and was not claimed by a
      better-scored detection.
    * H+Side, H+State: a right hand, and its label is that of the annotated hand.
    * H+O: a right hand, and its object is right: both have none, or the IoU of the objects' boxes
      (without the 1 of the sides) is > 0.5.
    * All: all of these.

    A hand with a wrong label is a false positive and leaves the annotated hand to others. The
    denominator of every hand AP is the number of hands that are not difficult.

    Args:
        images: detections and annotation of each.
        text_rounding: round as the authors' evaluation, which writes detections to a text file with
            1 decimal for boxes and 3 for the score, magnitude (of pixels / 1000) and direction (of
            length 0.1).

    Returns:
        :data:`NAMES` -> AP; NaN where nothing is annotated.
    """
    tables: dict[str, list[np.ndarray]] = {name: [np.empty((0, 2))] for name in NAMES}
    positives = dict(hand=0, object=0)
    for found, truth in images:
        if text_rounding:  # in the file's coordinates, which count from 1
            found = Detections(*map(through_text, found))
            truth = truth._replace(boxes=truth.boxes + 1.0, object_boxes=truth.object_boxes + 1.0)
        for kind, label in (('hand', HAND_LABEL), ('object', OBJECT_LABEL)):
            positives[kind] += int(np.sum((truth.labels == label) & ~truth.difficult))
        for name, table in _judge_image(found, truth).items():
            tables[name].append(table)
    return {
        name: average_precision_voc07(
            np.concatenate(parts), positives['object' if name == 'Obj' else 'hand']
        )
        for name, parts in tables.items()
    }


def average_precision_voc07(table: np.ndarray, positives: int) -> float:
    """11-point average precision of PASCAL VOC 2007.

    Args:
        table: (N, 2) score and outcome (1 right, 0 wrong, NaN not counted) of each detection. Equal
            scores keep their order.
        positives: number of annotated boxes.
    """
    if not positives:
        return float('nan')
    outcomes = table[np.argsort(-table[:, 0], kind='stable'), 1]
    hits = np.cumsum(outcomes == 1)
    recall = hits / positives
    precision = hits / np.maximum(np.cumsum(~np.isnan(outcomes)), 1)
    # Steps of 0.1 in floating point, as for the published figures: the fourth point is
    # 0.30000000000000004, which 3 of 10 do not reach.
    points = np.arange(0.0, 1.1, 0.1)
    return float(np.mean([precision[recall >= point].max(initial=0.0) for point in points]))


def associate(hands: np.ndarray, objects: np.ndarray) -> np.ndarray:
    """(H, 4) box of the object that each hand holds.

    It is the one whose centre is nearest to the point to which the offset of the hand leads, and
    NaN for hands without contact or in an image without objects.
    """
    pairs = np.full((len(hands), 4), np.nan)
    held = hands[:, _STATE].astype(int) > 0
    if len(objects) and held.any():
        rows = hands[held].astype(np.float64)
        target = _centres(rows) + 10000.0 * rows[:, _MAGNITUDE, None] * rows[:, [_DX, _DY]]
        distance = np.square(_centres(objects.astype(np.float64)) - target[:, None]).sum(axis=-1)
        pairs[held] = objects[distance.argmin(axis=1), :4]
    return pairs


def box_iou(boxes: np.ndarray, others: np.ndarray, *, pixel: float) -> np.ndarray:
    """IoU of (..., 4) boxes whose sides are ``x2 - x1 + pixel``.

    It is 0 for two boxes without area and NaN where a coordinate is.
    """
    low = np.maximum(boxes[..., :2], others[..., :2])
    high = np.minimum(boxes[..., 2:], others[..., 2:])
    inside = np.prod(np.maximum(high - low + pixel, 0.0), axis=-1)
    areas = [np.prod(x[..., 2:] - x[..., :2] + pixel, axis=-1) for x in (boxes, others)]
    union = areas[0] + areas[1] - inside
    return inside / np.where(union == 0, 1.0, union)


def through_text(rows: np.ndarray) -> np.ndarray:
    """Rows as the authors' text file gives them back, float64; boxes count pixels from 1."""
    decimals = (1, 1, 1, 1, 3, 0, 3, 3, 3, 0)[: rows.shape[1]]
    shifted = rows.copy()
    shifted[:, :4] += 1
    texts = [[f'{value:.{places}f}' for value, places in zip(row, decimals)] for row in shifted]
    return np.array(texts).astype(np.float64).reshape(rows.shape)


def _judge_image(found: Detections, truth: Truth) -> dict[str, np.ndarray]:
    """Name of an AP -> (N, 2) score and outcome of the detections."""
    objects = truth.labels == OBJECT_LABEL
    hands = truth.labels == HAND_LABEL
    tables = {'Obj': _outcomes(found.objects, truth.boxes[objects], truth.difficult[objects], None)}
    # (H, G): which detected hand agrees with which annotated one
    side = found.hands[:, _SIDE, None].astype(int) == truth.sides[hands]
    state = found.hands[:, _STATE, None].astype(int) == truth.states[hands]
    held = _same_object(associate(*found)[:, None], truth.object_boxes[hands])
    rules = {'Hand': None, 'H+Side': side, 'H+State': state, 'H+O': held}
    rules['All'] = side & state & held
    for name, agree in rules.items():
        tables[name] = _outcomes(found.hands, truth.boxes[hands], truth.difficult[hands], agree)
    return tables


def _outcomes(
    rows: np.ndarray, boxes: np.ndarray, difficult: np.ndarray, agree: np.ndarray | None
) -> np.ndarray:
    """(N, 2) score and outcome.

    A detection can only be right for boxes with which its labels ``agree`` (N, G).
    """
    table = np.column_stack([rows[:, 4], np.zeros(len(rows))]).astype(np.float64)
    if not len(boxes):
        return table
    overlaps = box_iou(rows[:, None, :4].astype(np.float64), boxes.astype(np.float64), pixel=1.0)
    claimed = set()
    for i in np.argsort(-table[:, 0], kind='stable'):
        best = int(overlaps[i].argmax())
        if not overlaps[i, best] > IOU_THRESHOLD:
            continue
        if difficult[best]:
            table[i, 1] = np.nan
        elif best not in claimed and (agree is None or agree[i, best]):
            claimed.add(best)
            table[i, 1] = 1.0
    return table


def _same_object(boxes: np.ndarray, others: np.ndarray) -> np.ndarray:
    absent, other_absent = np.isnan(boxes).any(axis=-1), np.isnan(others).any(axis=-1)
    overlap = box_iou(boxes, others, pixel=0.0) > IOU_THRESHOLD  # NaN > 0.5 is False
    return (absent & other_absent) | overlap


def _centres(rows: np.ndarray) -> np.ndarray:
    return (rows[:, :2] + rows[:, 2:4]) / 2
