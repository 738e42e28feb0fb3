"""Calibration figures on cases worked out by hand."""

import math

import numpy as np
import pytest

from egoexo_mm.evaluation.measures import (
    expected_calibration_error,
    fit_temperature,
    negative_log_likelihood,
    reliability,
)


def test_reliability_and_calibration_error():
    table = reliability([0.1, 0.2, 0.6, 0.9, 1.0], [0, 1, 1, 1, 0], num_bins=2)
    np.testing.assert_array_equal(table.edges, [0, 0.5, 1])
    np.testing.assert_array_equal(table.count, [2, 3])
    np.testing.assert_allclose(table.predicted, [0.15, 2.5 / 3])
    np.testing.assert_allclose(table.observed, [0.5, 2 / 3])
    # 2/5 of the samples are off by 0.35, 3/5 by 1/6
    assert expected_calibration_error(table) == pytest.approx(0.4 * 0.35 + 0.6 / 6)


def test_edges_and_empty_bins():
    table = reliability([0.0, 0.25, 0.5, 1.0], [0, 0, 1, 1], num_bins=4)
    np.testing.assert_array_equal(
        table.count, [1, 1, 1, 1]
    )  # a bin holds its lower edge, the last one also 1
    table = reliability([0.3, 0.3], [0, 1], num_bins=10)
    np.testing.assert_array_equal(table.count, [0, 0, 0, 2, 0, 0, 0, 0, 0, 0])
    assert (
        np.isnan(np.delete(table.predicted, 3)).all()
        and np.isnan(np.delete(table.observed, 3)).all()
    )
    assert expected_calibration_error(table) == pytest.approx(0.2)


def test_a_calibrated_model_has_no_error():
    assert expected_calibration_error(
        reliability([0.25] * 4 + [1.0], [1, 0, 0, 0, 1])
    ) == pytest.approx(0)


@pytest.mark.parametrize(
    'probability, outcome, options, message',
    [
        ([0.5, 1.5], [0, 1], {}, r'must lie in \[0, 1\], got 0.5 to 1.5'),
        ([0.5, np.nan], [0, 1], {}, r'must lie in \[0, 1\]'),
        ([0.5], [2], {}, 'outcomes must be 0 or 1, got 2 to 2'),
        ([0.5], [0, 1], {}, r'of one shape \(N,\), got \(1,\) and \(2,\)'),
        ([], [], {}, 'of one shape'),
        ([0.5], [1], dict(num_bins=0), 'num_bins must be at least 1, got 0'),
    ],
)
def test_bad_probabilities(probability, outcome, options, message):
    with pytest.raises(ValueError, match=message):
        reliability(probability, outcome, **options)


def test_negative_log_likelihood():
    logits = [[0, math.log(3)], [5 + math.log(3), 5]]  # probabilities 1/4, 3/4 and 3/4, 1/4
    assert negative_log_likelihood(logits, [1, 1]) == pytest.approx(
        -(math.log(0.75) + math.log(0.25)) / 2
    )
    assert negative_log_likelihood(logits, [1, 0], temperature=0.5) == pytest.approx(
        -math.log(0.9)
    )  # 9 : 1
    assert (
        negative_log_likelihood([[1e4, 0]], [0]) == 0
        and negative_log_likelihood([[1e4, 0]], [1]) == 1e4
    )


def test_temperature():
    """Logits 2 apart and right three times in four: sigmoid(2 / T) = 3/4 at T = 2 / ln 3."""
    logits, labels = [[0, 2]] * 4, [1, 1, 1, 0]
    temperature = fit_temperature(logits, labels)
    assert temperature == pytest.approx(2 / math.log(3))
    best = negative_log_likelihood(logits, labels, temperature)
    assert best == pytest.approx(-0.75 * math.log(0.75) - 0.25 * math.log(0.25))
    assert best < min(negative_log_likelihood(logits, labels, temperature * f) for f in (0.9, 1.1))


def test_temperature_of_three_classes():
    """Scaling the logits scales the temperature."""
    rng = np.random.default_rng(0)
    logits, labels = rng.normal(size=(50, 3)), rng.integers(0, 3, 50)
    logits[np.arange(50), labels] += 1
    one = fit_temperature(logits, labels)
    assert 0.1 < one < 10 and fit_temperature(4 * logits + 7, labels) == pytest.approx(4 * one)


def test_temperature_without_a_minimum():
    assert fit_temperature([[0, 2], [3, 0]], [1, 0]) == 0.01  # all right: the colder the better
    assert fit_temperature([[0, 2], [0, 2]], [1, 0]) == 100  # right as often as wrong
