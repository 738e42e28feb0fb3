"""hand_object_ap: the six APs against hand-derived numbers."""

import numpy as np
import pytest

from egoexo_mm.evaluation.measures.hand_object_ap import (
    NAMES,
    Detections,
    Truth,
    associate,
    average_precision_voc07,
    box_iou,
    hand_object_aps,
    through_text,
)

HAND_BOX, CUP, BOOK = [10, 10, 29, 29], [60, 10, 79, 29], [10, 60, 29, 79]
# centres (19.5, 19.5), (69.5, 19.5), (19.5, 69.5)
NOTHING = [np.nan] * 4


def hand(box=HAND_BOX, score=0.9, state=3, offset=(0.05, 0.1, 0.0), side=1):
    """A row; the offset says 10000 * .05 * .1 = 50 pixels to the right, where the cup is."""
    return [*box, score, state, *offset, side]


def thing(box=CUP, score=0.8):
    return [*box, score, 0, 0, 0, 0, 0]


def found(hands=(), objects=()):
    return Detections(
        *(np.array(list(rows), np.float32).reshape(-1, 10) for rows in (hands, objects))
    )


def truth(*rows):
    """Rows of (label, box, state, side, object box, difficult)."""
    columns = [[row[i] for row in rows] for i in range(6)]
    labels, boxes, states, sides, held, difficult = columns
    return Truth(
        np.array(boxes, float).reshape(-1, 4),
        np.array(labels, int),
        np.array(difficult, bool),
        np.array(states, int),
        np.array(sides, int),
        np.array(held, float).reshape(-1, 4),
    )


GT_HAND = (1, HAND_BOX, 3, 1, CUP, False)
GT_CUP = (0, CUP, 0, 0, NOTHING, False)


def rounded(values):
    return {name: round(value, 6) for name, value in values.items()}


def all_but(*wrong, value=0.0):
    return {name: value if name in wrong else 1.0 for name in NAMES}


@pytest.mark.parametrize(
    ('outcomes', 'positives', 'expected'),
    [
        ([1, 1], 2, 1.0),
        ([1], 2, 6 / 11),  # precision 1 up to recall .5: points 0, .1, ..., .5
        ([0, 1], 1, 0.5),  # precision 1/2 at recall 1: all 11 points
        ([1, 0, 1], 2, (6 + 5 * 2 / 3) / 11),  # up to .5: 1; from .6: 2/3
        ([np.nan, 1], 1, 1.0),  # not counted
        ([0, 0], 1, 0.0),
        ([], 3, 0.0),
        # recall .1, .2, .3; the point 0.1 + 0.1 + 0.1 is more than .3: points 0, .1, .2
        ([1, 1, 1], 10, 3 / 11),
    ],
)
def test_eleven_points(outcomes, positives, expected):
    scores = np.linspace(0.9, 0.1, len(outcomes))
    table = np.column_stack([scores, outcomes]).reshape(-1, 2)
    assert average_precision_voc07(table, positives) == pytest.approx(expected)
    assert average_precision_voc07(table[::-1], positives) == pytest.approx(
        expected
    )  # sorted by score


def test_iou():
    # inclusive pixels: [0, 9] has 10; 5 x 10 shared of 100 + 100 - 50
    assert box_iou(np.array([0.0, 0, 9, 9]), np.array([5.0, 0, 14, 9]), pixel=1.0) == pytest.approx(
        50 / 150
    )
    # between borders: 4 x 9 shared of 81 + 81 - 36
    assert box_iou(np.array([0.0, 0, 9, 9]), np.array([5.0, 0, 14, 9]), pixel=0.0) == pytest.approx(
        36 / 126
    )
    assert box_iou(np.array([0.0, 0, 9, 9]), np.array([20.0, 20, 29, 29]), pixel=1.0) == 0
    assert (
        box_iou(np.array([3.0, 3, 3, 3]), np.array([3.0, 3, 3, 3]), pixel=0.0) == 0
    )  # no area, and no warning


def test_all_right():
    assert (
        rounded(hand_object_aps([(found([hand()], [thing()]), truth(GT_HAND, GT_CUP))]))
        == all_but()
    )


@pytest.mark.parametrize(
    ('row', 'wrong'),
    [
        (hand(side=0), ['H+Side', 'All']),
        (hand(state=4), ['H+State', 'All']),
        (hand(offset=(0.05, 0.0, 0.1)), ['H+O', 'All']),  # points to the book
        (hand(state=0), ['H+State', 'H+O', 'All']),  # without contact there is no object
        (
            hand(box=[110, 110, 129, 129], offset=(0.05, 0.1, 0.0)),
            ['Hand', 'H+Side', 'H+State', 'H+O', 'All'],
        ),
    ],
)
def test_each_rule_alone(row, wrong):
    scene = truth(GT_HAND, GT_CUP, (0, BOOK, 0, 0, NOTHING, False))
    assert rounded(hand_object_aps([(found([row], [thing(), thing(BOOK)]), scene)])) == all_but(
        *wrong
    )


@pytest.mark.parametrize(
    ('objects', 'held', 'value'),
    [
        ([thing()], CUP, 1.0),
        ([thing()], NOTHING, 0.0),  # found one where there is none
        ([], NOTHING, 1.0),  # both none: no object was found, whatever the state
        ([], CUP, 0.0),
    ],
)
def test_object_of_a_hand(objects, held, value):
    scene = truth((1, HAND_BOX, 3, 1, held, False))
    values = hand_object_aps([(found([hand()], objects), scene)])
    assert [values['Hand'], values['H+O'], values['All']] == pytest.approx([1.0, value, value])


def test_iou_of_objects_is_without_the_one():
    # predicted [0, 0, 9, 9], held [3, 0, 12, 9]: 70 / 130 > .5 with the 1, 54 / 108 = .5 without
    scene = truth(
        (1, HAND_BOX, 3, 1, [3, 0, 12, 9], False), (0, [3, 0, 12, 9], 0, 0, NOTHING, False)
    )
    values = hand_object_aps([(found([hand()], [thing([0, 0, 9, 9])]), scene)])
    assert [values['Obj'], values['H+O']] == pytest.approx([1.0, 0.0])


def test_threshold_is_exclusive():
    # 20 x 10 against 20 x 20, both from the same corner: IoU 200 / 400 = .5
    scene = truth(GT_HAND)
    assert hand_object_aps([(found([hand([10, 10, 29, 19])]), scene)])['Hand'] == 0.0
    assert hand_object_aps([(found([hand([10, 10, 29, 20])]), scene)])['Hand'] == pytest.approx(
        1.0
    )  # 220 / 400


def test_wrong_label_leaves_the_hand_to_the_next():
    # H+Side: wrong, right -> precision 1/2 at recall 1. Hand: right, duplicate -> 1 at all points.
    values = hand_object_aps(
        [(found([hand(score=0.9, side=0), hand(score=0.8)], [thing()]), truth(GT_HAND, GT_CUP))]
    )
    assert rounded(values) == {**all_but(), 'H+Side': 0.5, 'All': 0.5}


def test_duplicate_is_a_false_positive():
    # image 1: right and its duplicate (.9, .8); image 2: right (.7): 1, 0, 1 of 2 -> (6 + 5 * 2/3)
    # / 11
    images = [
        (found([hand(score=0.9), hand(score=0.8)]), truth(GT_HAND)),
        (found([hand(score=0.7)]), truth(GT_HAND)),
    ]
    assert hand_object_aps(images)['Hand'] == pytest.approx((6 + 5 * 2 / 3) / 11)
    assert hand_object_aps(images[::-1])['Hand'] == pytest.approx((6 + 5 * 2 / 3) / 11)


def test_equal_scores_keep_their_order():
    good, bad = (found([hand(score=0.5)]), truth(GT_HAND)), (found([hand(score=0.5)]), truth())
    assert hand_object_aps([good, bad])['Hand'] == pytest.approx(1.0)
    assert hand_object_aps([bad, good])['Hand'] == pytest.approx(0.5)


def test_best_box_is_claimed_though_another_would_do():
    # Second detection overlaps A (claimed) most and B enough: a false positive, B is missed: 1 of 2
    # -> 6 / 11
    a, b = [0, 0, 19, 19], [0, 0, 19, 29]
    images = [
        (
            found([hand(a, score=0.9), hand([0, 0, 19, 23], score=0.8)]),
            truth((1, a, 3, 1, NOTHING, False), (1, b, 3, 1, NOTHING, False)),
        )
    ]
    assert hand_object_aps(images)['Hand'] == pytest.approx(6 / 11)


def test_difficult_is_neither_found_nor_missed():
    other = [110, 110, 129, 129]
    scene = truth(GT_HAND, (1, other, 0, 0, NOTHING, True))
    # best-scored detection on the difficult hand, twice and with wrong labels, counts for nothing
    rows = [hand(other, score=0.99), hand(other, score=0.98), hand()]
    assert hand_object_aps([(found(rows), scene)])['All'] == 0.0  # no cup was found
    with_cup = truth(GT_HAND, GT_CUP, (1, other, 0, 0, NOTHING, True))
    assert rounded(hand_object_aps([(found(rows, [thing()]), with_cup)])) == all_but()
    # missed: the one hand that counts is found
    assert hand_object_aps([(found([hand()]), scene)])['Hand'] == pytest.approx(1.0)


def test_nothing_annotated_and_nothing_found():
    values = hand_object_aps([(found([hand()], [thing()]), truth())])
    assert all(np.isnan(value) for value in values.values()) and tuple(sorted(values)) == tuple(
        sorted(NAMES)
    )
    assert rounded(hand_object_aps([(found(), truth(GT_HAND, GT_CUP))])) == all_but(*NAMES)
    assert np.isnan(hand_object_aps([])['Hand'])


def test_association():
    rows = np.array(
        [hand(), hand(offset=(0.05, 0.0, 0.1)), hand(offset=(0.0, 0.0, 0.0)), hand(state=0)],
        np.float32,
    )
    objects = np.array([thing(), thing(BOOK)], np.float32)
    # without an offset the nearest: both are 50 away, the first wins
    np.testing.assert_array_equal(associate(rows, objects), [CUP, BOOK, CUP, NOTHING])
    np.testing.assert_array_equal(associate(rows, objects[:0]), [NOTHING] * 4)


def test_text():
    row = [[0.04, 9.06, 20.0, 20.14, 0.98761, 3, 0.0504, 0.0996, -0.0004, 1]]
    np.testing.assert_array_equal(
        through_text(np.array(row, np.float32)),
        [[1.0, 10.1, 21.0, 21.1, 0.988, 3, 0.05, 0.1, -0.0, 1]],
    )


def test_text_rounding_of_the_box():
    # 20 x 20 annotated: a height of 10.04 gives IoU .502, of 10.0 (to which it is rounded) .5,
    # which is not more than .5
    images = [(found([hand([10, 10, 29, 19.04])]), truth(GT_HAND))]
    assert hand_object_aps(images)['Hand'] == pytest.approx(1.0)
    assert hand_object_aps(images, text_rounding=True)['Hand'] == 0.0


def test_text_rounding_makes_ties():
    # .9004 and .8996 become one score, and the order of the images decides
    images = [(found([hand(score=0.8996)]), truth()), (found([hand(score=0.9004)]), truth(GT_HAND))]
    assert hand_object_aps(images)['Hand'] == pytest.approx(1.0)
    assert hand_object_aps(images, text_rounding=True)['Hand'] == pytest.approx(0.5)


def test_text_rounding_of_the_offset():
    # Centres 49.7 and 50.4 px to the right; the offset says 50.4, rounded 50: .7 and 0 off become
    # .3 and .4
    left, right = [59.7, 10, 78.7, 29], [60.4, 10, 79.4, 29]
    rows = np.array([hand(offset=(0.0504, 0.1, 0.0))], np.float32)
    objects = np.array([thing(left), thing(right)], np.float32)
    np.testing.assert_allclose(associate(rows, objects), [right], rtol=1e-6)
    np.testing.assert_allclose(
        associate(through_text(rows), through_text(objects)), [[60.7, 11, 79.7, 30]]
    )
