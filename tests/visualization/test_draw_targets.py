"""Pixels of boxes, links, labels and maps."""

from __future__ import annotations

import numpy as np
import pytest

from egoexo_mm.targets import HAND, OBJECT, Detections
from egoexo_mm.visualization import COLOURS, dim, draw_detections, linked_objects, overlay_map
from egoexo_mm.visualization.draw import detection_label
from egoexo_mm.visualization.text import LINE, place_labels, shorten, text_width, to_ascii

NAN = (np.nan, np.nan)


def detections(*rows) -> Detections:
    """Rows of box, score, kind, side, contact, offset."""
    box, score, kind, side, contact, offset = zip(*rows)
    return Detections(
        slot=np.zeros(len(rows), int),
        box=np.float32(box),
        score=np.float32(score),
        kind=np.int8(kind),
        side=np.int8(side),
        contact=np.int8(contact),
        offset=np.float32(offset),
    )


HELD = detections(
    ([0.1, 0.5, 0.3, 0.9], 0.9, HAND, 0, 3, (0.5, -0.2)),
    ([0.6, 0.4, 0.8, 0.6], 0.8, OBJECT, -1, -1, NAN),
    ([0.1, 0.1, 0.2, 0.2], 0.7, OBJECT, -1, -1, NAN),
)


def test_edges_have_the_colour_of_their_kind():
    frame = np.full((200, 400, 3), 60, np.uint8)
    picture = draw_detections(frame, HELD)
    assert (frame == 60).all() and picture.shape == frame.shape
    # hand x 40..120, y 100..180; object x 240..320, y 80..120; their inside stays, but for the link
    for y, x in ((140, 40), (140, 120), (180, 60)):
        assert tuple(picture[y, x]) == COLOURS['hand']
    for y, x in ((100, 320), (120, 300)):
        assert tuple(picture[y, x]) == COLOURS['object']
    assert (picture[150:175, 45:75] == 60).all() and (picture[:80, 345:] == 60).all()


def test_link_goes_to_the_nearest_object_of_the_offset():
    np.testing.assert_array_equal(linked_objects(HELD, (400, 200)), [1, -1, -1])
    picture = draw_detections(np.zeros((200, 400, 3), np.uint8), HELD)
    # hand centre (80, 140), object centre (280, 100): white dot at the end, white line half way
    assert (picture[100, 280] == 255).all() and (picture[120, 180] == 255).all()
    assert (picture[25:36, 45:75] == 0).all()  # no line to the other object


@pytest.mark.parametrize('contact, offset', [(0, (0.5, -0.2)), (3, NAN)])
def test_no_link(contact, offset):
    found = detections(
        ([0.1, 0.5, 0.3, 0.9], 0.9, HAND, 0, contact, offset),
        ([0.6, 0.4, 0.8, 0.6], 0.8, OBJECT, -1, -1, NAN),
    )
    np.testing.assert_array_equal(linked_objects(found, (400, 200)), [-1, -1])
    assert (draw_detections(np.zeros((200, 400, 3), np.uint8), found)[120, 180] == 0).all()


def test_nearest_is_meant_in_pixels():
    # the tip is at (.5, .5); one object is .1 of the width away (40 pixels), the other .15 of the
    # height (30 pixels)
    found = detections(
        ([0, 0, 0.2, 0.2], 1, HAND, 1, -1, (0.4, 0.4)),
        ([0.5, 0.4, 0.7, 0.6], 1, OBJECT, -1, -1, NAN),
        ([0.4, 0.55, 0.6, 0.75], 1, OBJECT, -1, -1, NAN),
    )
    assert linked_objects(found, (400, 200))[0] == 2 and linked_objects(found, (200, 400))[0] == 1
    assert linked_objects(detections(([0, 0, 1, 1], 1, HAND, 1, 3, (0, 0))), (9, 9)).tolist() == [
        -1
    ]


def test_labels_say_side_score_and_contact():
    found = detections(
        ([0, 0, 1, 1], 0.934, HAND, 0, 3, NAN),
        ([0, 0, 1, 1], 0.5, HAND, 1, 0, NAN),
        ([0, 0, 1, 1], 1, HAND, -1, -1, NAN),
        ([0, 0, 1, 1], 0.25, OBJECT, -1, -1, NAN),
    )
    assert [detection_label(found, i) for i in range(4)] == [
        'L 0.93 portable',
        'R 0.50 no contact',
        'hand 1.00',
        'object 0.25',
    ]


def test_labels_stay_in_the_picture_and_apart():
    boxes = [[300, 2, 399, 60], [300, 2, 399, 60], [290, 40, 399, 199], [0, 190, 10, 199]]
    places = place_labels(boxes, [90, 90, 90, 90], (400, 200))
    assert places == [(300, 61), (300, 3), (290, 41), (0, 170)]
    many = place_labels([[5, 50, 20, 60]] * 7, [90] * 7, (100, 200))
    assert all(0 <= top <= 200 - LINE for _, top in many)
    assert all(abs(a - b) >= LINE for i, (_, a) in enumerate(many) for _, b in many[:i])


def test_texts():
    assert to_ascii('Käse 包\n') == 'Kase ??'
    long = 'abcdefghij' * 20
    short = shorten(long, 200)
    assert (
        text_width(short) <= 200 < text_width(long)
        and short.startswith('abcde')
        and short.endswith('hij')
    )
    assert shorten('clip', 200) == 'clip' and shorten('clip', 1) == ''


def test_overlay_changes_the_marked_cells_alone():
    frame = np.full((40, 60, 3), 100, np.uint8)
    cells = np.zeros((4, 6), np.float32)
    cells[1, 2:4] = 0.5
    out = overlay_map(frame, cells, (200, 0, 100), opacity=0.8)
    assert (out[10:20, 20:40] == (140, 60, 100)).all()  # 0.6 * 100 + 0.4 * colour
    marked = np.zeros((40, 60), bool)
    marked[10:20, 20:40] = True
    assert (out[~marked] == 100).all() and (frame == 100).all()
    np.testing.assert_array_equal(
        dim(np.full((1, 1, 3), (10, 20, 30), np.uint8)), np.full((1, 1, 3), 12)
    )
