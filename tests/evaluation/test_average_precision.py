"""Average precision against hand-derived numbers and scikit-learn."""

import numpy as np
import pytest

from egoexo_mm.evaluation.measures import (
    average_precision,
    class_average_precision,
    mean_average_precision,
)

# Two classes, four videos, and a class without positives.
SCORES = np.array([[0.9, 0.2, 0.5], [0.8, 0.9, 0.5], [0.7, 0.4, 0.5], [0.6, 0.3, 0.5]])
LABELS = np.array([[1, 0, 0], [0, 0, 0], [1, 1, 0], [0, 1, 0]])


def test_hand_derived():
    # class 0 ranks + - + -: (1/1 + 2/3) / 2; class 1 ranks - + + -: (1/2 + 2/3) / 2
    values = class_average_precision(SCORES, LABELS)
    assert values[:2] == pytest.approx([5 / 6, 7 / 12], abs=1e-12)
    assert np.isnan(values[2])
    assert mean_average_precision(SCORES, LABELS) == pytest.approx((5 / 6 + 7 / 12) / 2, abs=1e-12)


def test_official_variant_sinks_videos_without_labels():
    # video 1 has no label and goes last: class 0 ranks + + - -, class 1 ranks + + - -
    assert class_average_precision(SCORES, LABELS, variant='official')[:2] == pytest.approx([1, 1])


def test_ties_enter_together_or_one_by_one():
    scores, labels = [0.5, 0.5, 0.5, 0.1], [0, 1, 0, 1]
    # together: precision 1/3 at the first threshold, 2/4 at the second; one by one: 1/2 and 2/4
    assert average_precision(scores, labels) == pytest.approx(0.5 * (1 / 3) + 0.5 * 0.5)
    assert average_precision(scores, labels, ties='ordered') == pytest.approx(0.5)
    assert average_precision(scores[::-1], labels[::-1]) == average_precision(scores, labels)


@pytest.mark.parametrize('seed', range(5))
@pytest.mark.parametrize(
    'decimals', [1, 12]
)  # one decimal: eleven values among 60 videos, mostly ties
def test_equals_scikit_learn(seed, decimals):
    metrics = pytest.importorskip('sklearn.metrics')
    rng = np.random.default_rng(seed)
    scores = rng.random((60, 12)).round(decimals)
    labels = (rng.random((60, 12)) < 0.15).astype(float)
    labels[:, [3, 7]] = 0
    labels[:, 5] = 1
    present = labels.any(axis=0)
    expected = metrics.average_precision_score(labels[:, present], scores[:, present], average=None)
    values = class_average_precision(scores, labels)
    np.testing.assert_allclose(values[present], expected, rtol=0, atol=1e-12)
    assert np.isnan(values[~present]).all() and not present[[3, 7]].any()
    assert mean_average_precision(scores, labels) == pytest.approx(expected.mean(), abs=1e-12)


@pytest.mark.parametrize(
    ('scores', 'labels', 'message'),
    [
        (
            SCORES,
            LABELS * 0,
            '^mAP is undefined: none of the 3 classes has a positive label; check that the '
            'annotation',
        ),
        (SCORES, LABELS[:3], r'one shape \(videos, classes\), got \(4, 3\) and \(3, 3\)'),
        (
            SCORES,
            LABELS[:, :2],
            r'got \(4, 3\) and \(4, 2\); num_classes of the head and of the data set must agree',
        ),
        (SCORES[:0], LABELS[:0], r'^no scores to evaluate: shape \(0, 3\)'),
        (
            np.where(SCORES == 0.4, np.nan, SCORES),
            LABELS,
            r'^score of video 2, class 1 is nan \(1 such scores\)',
        ),
        (
            np.where(SCORES == 0.5, np.inf, SCORES),
            LABELS,
            r'^score of video 0, class 2 is inf \(4 such scores\)',
        ),
        (SCORES, LABELS * 2, r'^labels must be multi-hot \(0 or 1\), got values from 0 to 2'),
    ],
)
def test_degenerate_input_is_one_sentence(scores, labels, message):
    with pytest.raises(ValueError, match=message) as caught:
        mean_average_precision(scores, labels)
    assert '\n' not in str(caught.value)


def test_unknown_variant():
    with pytest.raises(
        ValueError, match="variant must be one of reference, official, got 'sklearn'"
    ):
        class_average_precision(SCORES, LABELS, variant='sklearn')
