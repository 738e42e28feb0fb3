"""Verb, noun and action accuracy as the EPIC-KITCHENS-100 action recognition challenge counts it.

Legend: N segments, V verbs, M nouns, K ranks. Scores are log-probabilities or logits: adding a
constant to the scores of a segment changes nothing here. Rules:
https://github.com/epic-kitchens/C1-Action-Recognition
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence

import numpy as np

# Most classes of a kind, and most pairs, that the official code ranks for a segment.
OFFICIAL_CANDIDATES = 100
_CHUNK = 256  # segments whose V x M products are held at once


def top_classes(scores: np.ndarray, k: int) -> np.ndarray:
    """The ``k`` best classes of each row, best first, the lower id first where scores are equal.

    Args:
        scores: (N, C).
        k: At most C.

    Returns:
        (N, k) class ids.
    """
    return np.argsort(-scores, axis=1, kind='stable')[:, :k]


def top_actions(
    verb: np.ndarray, noun: np.ndarray, k: int = OFFICIAL_CANDIDATES
) -> tuple[np.ndarray, np.ndarray]:
    """The ``k`` best (verb, noun) pairs of each segment by the product of their probabilities.

    The official code multiplies the softmaxed scores of the top 100 verbs and top 100 nouns and
    keeps 100 pairs. Its softmax runs over the scores of all segments at once, which scales the
    products of a segment by one factor: unless they underflow, the ranking is that of the sum of
    log-probabilities, taken here. A pair of the best ``k`` has both of its classes among their
    ``k`` best, so ``k`` candidates of each kind suffice.

    Args:
        verb: (N, V) log-probabilities or logits.
        noun: (N, M) the same.
        k: 1 to 100.

    Returns:
        Verb ids and noun ids, each (N, min(k, number of pairs)), best pair first.
    """
    if not 1 <= k <= OFFICIAL_CANDIDATES:
        raise ValueError(f'actions are ranked to a depth of 1 to {OFFICIAL_CANDIDATES}, got {k}')
    parts = [
        _top_actions(verb[i : i + _CHUNK], noun[i : i + _CHUNK], k)
        for i in range(0, len(verb), _CHUNK)
    ]
    verbs, nouns = zip(*parts)
    return np.concatenate(verbs), np.concatenate(nouns)


def _top_actions(verb: np.ndarray, noun: np.ndarray, k: int) -> tuple[np.ndarray, np.ndarray]:
    verbs, nouns = top_classes(verb, k), top_classes(noun, k)
    # float64: two float32 sums may round to one value where the scores differ.
    verb = np.take_along_axis(verb, verbs, 1).astype(np.float64)
    noun = np.take_along_axis(noun, nouns, 1).astype(np.float64)
    pairs = (verb[:, :, None] + noun[:, None, :]).reshape(len(verb), -1)
    rows, columns = np.divmod(top_classes(pairs, k), nouns.shape[1])
    return np.take_along_axis(verbs, rows, 1), np.take_along_axis(nouns, columns, 1)


def verb_noun_hits(
    verb: np.ndarray, noun: np.ndarray, labels: np.ndarray, topk: Sequence[int] = (1, 5)
) -> dict[str, np.ndarray]:
    """Which segments have their label among the best ``k``.

    Args:
        verb: (N, V) log-probabilities or logits.
        noun: (N, M) the same.
        labels: (N, 2) verb and noun ids.
        topk: depths, 1 to 100.

    Returns:
        ``verb_top{k}``, ``noun_top{k}``, ``action_top{k}`` -> (N,) booleans.
    """
    deepest, hits = max(topk), {}
    verbs, nouns = top_classes(verb, deepest), top_classes(noun, deepest)
    action_verbs, action_nouns = top_actions(verb, noun, deepest)
    right = dict(
        verb=verbs == labels[:, :1],
        noun=nouns == labels[:, 1:],
        action=(action_verbs == labels[:, :1]) & (action_nouns == labels[:, 1:]),
    )
    for k in topk:
        hits.update({f'{kind}_top{k}': ranked[:, :k].any(axis=1) for kind, ranked in right.items()})
    return hits


def unseen_rows(participants: Sequence[str], unseen: Collection[str]) -> np.ndarray:
    """(N,) booleans: the segment is by a participant who is not in the training set."""
    return np.isin(np.asarray(participants), list(unseen))


def tail_rows(
    labels: np.ndarray, tail_verbs: Iterable[int], tail_nouns: Iterable[int]
) -> dict[str, np.ndarray]:
    """Segments of tail classes, (N,) booleans: ``verb``, ``noun`` and ``action``.

    An action is in the tail if its verb *or* its noun is.
    """
    verb, noun = np.isin(labels[:, 0], list(tail_verbs)), np.isin(labels[:, 1], list(tail_nouns))
    return dict(verb=verb, noun=noun, action=verb | noun)
