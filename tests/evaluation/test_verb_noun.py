"""Verb, noun and action accuracy: by hand, against the official rule, and the official numbers."""

import numpy as np
import pytest

from egoexo_mm.evaluation.measures import (
    tail_rows,
    top_actions,
    top_classes,
    unseen_rows,
    verb_noun_hits,
)


def test_hand_derived():
    verb = np.log([[0.6, 0.3, 0.1], [0.6, 0.3, 0.1]])
    noun = np.log([[0.5, 0.4, 0.1], [0.5, 0.4, 0.1]])
    # products, best first: 00 .30, 01 .24, 10 .15, 11 .12, 02 .06, 20 .05, ...
    verbs, nouns = top_actions(verb, noun, 6)
    assert list(zip(verbs[0].tolist(), nouns[0].tolist())) == [
        (0, 0),
        (0, 1),
        (1, 0),
        (1, 1),
        (0, 2),
        (2, 0),
    ]
    hits = verb_noun_hits(verb, noun, np.array([[1, 0], [0, 2]]), (1, 2, 3))
    assert {name: hit.tolist() for name, hit in hits.items()} == {
        'verb_top1': [False, True],
        'verb_top2': [True, True],
        'verb_top3': [True, True],
        'noun_top1': [True, False],
        'noun_top2': [True, False],
        'noun_top3': [True, True],
        # (1, 0) is third though its verb is second and its noun first; (0, 2) is fifth
        'action_top1': [False, False],
        'action_top2': [False, False],
        'action_top3': [True, False],
    }


def test_equal_scores_rank_by_class_id():
    assert top_classes(np.array([[1.0, 2.0, 2.0, 1.0]]), 3).tolist() == [[1, 2, 0]]


@pytest.mark.parametrize('depth', [5, 100])
def test_equals_the_official_rule_spelled_out(depth):
    rng = np.random.default_rng(0)
    verb, noun = (
        rng.standard_normal((300, 97)) * 2,
        rng.standard_normal((300, 300)) * 2,
    )  # more rows than one chunk
    verbs, nouns = top_actions(verb, noun, depth)
    best_verbs, best_nouns = np.argsort(verb)[:, ::-1][:, :100], np.argsort(noun)[:, ::-1][:, :100]
    p_verb = np.exp(np.take_along_axis(verb, best_verbs, 1))
    p_noun = np.exp(np.take_along_axis(noun, best_nouns, 1))
    p_verb, p_noun = (
        p_verb / p_verb.sum(),
        p_noun / p_noun.sum(),
    )  # one softmax over the whole array, as there
    for row in range(0, 300, 7):
        order = np.argsort(np.outer(p_verb[row], p_noun[row]).ravel())[::-1][:depth]
        rows, columns = np.divmod(order, 100)
        assert verbs[row].tolist() == best_verbs[row, rows].tolist()
        assert nouns[row].tolist() == best_nouns[row, columns].tolist()


def test_far_scores_do_not_underflow():
    # A softmax over both rows at once gives the second row nothing but zeros.
    verb, noun = (
        np.array([[0.0, -1.0], [-2000.0, -2001.0]]),
        np.array([[0.0, -3.0], [-2003.0, -2000.0]]),
    )
    verbs, nouns = top_actions(verb, noun, 2)
    assert verbs.tolist() == [[0, 1], [0, 1]] and nouns.tolist() == [[0, 0], [1, 1]]


def test_fewer_pairs_than_asked_for():
    verbs, nouns = top_actions(np.zeros((1, 2)), np.zeros((1, 3)), 100)
    assert verbs.shape == nouns.shape == (1, 6)


@pytest.mark.parametrize('depth', [0, 101])
def test_depth_out_of_range(depth):
    with pytest.raises(ValueError, match=f'a depth of 1 to 100, got {depth}'):
        top_actions(np.zeros((1, 2)), np.zeros((1, 3)), depth)


def test_subsets():
    labels = np.array([[0, 0], [0, 9], [8, 0], [8, 9]])
    rows = tail_rows(labels, [8], [9])
    assert {kind: row.tolist() for kind, row in rows.items()} == {
        'verb': [False, False, True, True],
        'noun': [False, True, False, True],
        'action': [False, True, True, True],
    }
    assert unseen_rows(['P01', 'P18', 'P32', 'P180'], ('P18', 'P32')).tolist() == [
        False,
        True,
        True,
        False,
    ]
