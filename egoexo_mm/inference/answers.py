"""From scores to what is told: the best classes with their names, and a timeline.

Legend: C classes, V verbs, M nouns.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from egoexo_mm.evaluation.measures.verb_noun import OFFICIAL_CANDIDATES, top_actions, top_classes
from egoexo_mm.evaluation.predictions import to_log, to_numpy, verb_noun_scores

from .class_names import Names, name_of

KINDS = dict(label='labels', verb='verbs', noun='nouns', action='actions')
_DIGITS = 6


@dataclass(frozen=True)
class HeadFacts:
    """What the numbers of a class head are.

    Attributes:
        counts: Part (``'label'``, or ``'verb'`` and ``'noun'``) -> classes. Empty: no class head.
        logits: The scores are not activated.
        multi_label: Several classes may be true at once.
    """

    counts: dict[str, int]
    logits: bool = False
    multi_label: bool = False

    def shares(self, scores: np.ndarray) -> np.ndarray:
        """Scores (C,), or (V, C) of views, as (C,) probabilities."""
        if self.logits:
            if self.multi_label:
                scores = 1 / (1 + np.exp(-scores.astype(np.float64)))
            else:
                powers = np.exp(scores.astype(np.float64) - scores.max(-1, keepdims=True))
                scores = powers / powers.sum(-1, keepdims=True)
        return scores if scores.ndim == 1 else scores.mean(0)


def best_classes(
    sample: Mapping[str, Any], facts: HeadFacts, names: Names, top_k: int = 5
) -> dict[str, list[dict]]:
    """The best classes of a sample, best first.

    Actions are ranked as the EPIC-KITCHENS-100 challenge ranks them, by the product of the
    probabilities of verb and noun, over all pairs.

    Args:
        sample: With ``pred_score``.
        facts: Of the head.
        names: Of the classes.
        top_k: How many of each kind.

    Returns:
        ``labels``, or ``verbs``, ``nouns`` and ``actions`` -> entries with ``id`` (of an action
        [verb, noun]), ``name`` and ``score``.
    """
    if not facts.counts:
        return {}
    if 'verb' not in facts.counts:
        shares = facts.shares(to_numpy(sample.get('pred_score')))
        return dict(labels=_entries('label', shares, names, top_k))
    verb, noun = map(facts.shares, verb_noun_scores(sample))
    found = dict(
        verbs=_entries('verb', verb, names, top_k), nouns=_entries('noun', noun, names, top_k)
    )
    logs = [to_log(shares[None], 'probabilities', '') for shares in (verb, noun)]
    verbs, nouns = top_actions(*logs, min(top_k, OFFICIAL_CANDIDATES))
    found['actions'] = [
        dict(
            id=[v, n],
            name=f'{name_of(names, "verb", v)} {name_of(names, "noun", n)}',
            score=round(float(verb[v] * noun[n]), _DIGITS),
        )
        for v, n in zip(verbs[0].tolist(), nouns[0].tolist())
    ]
    return found


def _entries(part: str, shares: np.ndarray, names: Names, top_k: int) -> list[dict]:
    best = top_classes(shares[None], top_k)[0].tolist()
    return [
        dict(id=i, name=name_of(names, part, i), score=round(float(shares[i]), _DIGITS))
        for i in best
    ]


def main_entries(row: Mapping[str, Any]) -> list[dict]:
    """The entries that answer the question: actions, or else labels."""
    return row.get('actions') or row.get('labels') or []


@dataclass
class _Span:
    video: str
    start: float
    end: float
    id: Any
    name: str
    scores: list[float] = field(default_factory=list)

    def entry(self) -> dict:
        score = sum(self.scores) / len(self.scores)
        return dict(
            video=self.video,
            start=self.start,
            end=self.end,
            id=self.id,
            name=self.name,
            score=round(score, _DIGITS),
            windows=len(self.scores),
        )


def timeline(
    rows: Iterable[Mapping[str, Any]], multi_label: bool = False, threshold: float = 0.5
) -> list[dict]:
    """Spans of time with one answer, merged from the windows of a video.

    Neighbouring windows with the same best label (or action) are one span. A span ends at the
    latest where the first window with another answer begins. Of several labels, each that scores
    ``threshold`` or more has spans of its own.

    Args:
        rows: Of the windows of one video, in order: ``video``, ``start``, ``end`` and the result of
            :func:`best_classes`.
        multi_label: Several classes may be true at once.
        threshold: Lowest score of such a class.

    Returns:
        Entries ``video``, ``start``, ``end``, ``id``, ``name``, mean ``score`` and the number of
        ``windows``, in the order of their starts.
    """
    going: dict[str, _Span] = {}
    ended: list[_Span] = []
    for row in rows:
        entries = main_entries(row)
        entries = (
            [entry for entry in entries if entry['score'] >= threshold]
            if multi_label
            else entries[:1]
        )
        seen = {str(entry['id']): entry for entry in entries}
        for key in [key for key in going if key not in seen]:
            span = going.pop(key)
            span.end = min(span.end, row['start'])
            ended.append(span)
        for key, entry in seen.items():
            span = going.setdefault(
                key, _Span(row['video'], row['start'], row['end'], entry['id'], entry['name'])
            )
            span.end = row['end']
            span.scores.append(entry['score'])
    return [
        span.entry()
        for span in sorted([*ended, *going.values()], key=lambda s: (s.start, str(s.id)))
    ]


def table_lines(row: Mapping[str, Any], width: int = 40) -> list[str]:
    """The best classes of a row as lines of a table, one rank a line."""
    kinds = [kind for kind in ('actions', 'verbs', 'nouns', 'labels') if row.get(kind)]
    columns: list[Sequence[dict]] = [row[kind] for kind in kinds]
    lines = []
    if len(kinds) > 1:
        width = min(width, 28)
        lines.append('  ' + '   '.join(f'{kind[:-1]:<{width + 7}}' for kind in kinds).rstrip())
    for rank in range(max(map(len, columns), default=0)):
        cells = [
            f'{_short(column[rank]["name"], width):<{width}}  {column[rank]["score"]:.3f}'
            if rank < len(column)
            else ' ' * (width + 7)
            for column in columns
        ]
        lines.append('  ' + '   '.join(cells).rstrip())
    return lines


def _short(name: str, width: int) -> str:
    return name if len(name) <= width else name[: width - 3] + '...'


def clock(seconds: float) -> str:
    """``1:02:03.5``, as players show times."""
    minutes, seconds = divmod(round(seconds, 1), 60)
    hours, minutes = divmod(int(minutes), 60)
    return f'{hours}:{minutes:02}:{seconds:04.1f}' if hours else f'{minutes}:{seconds:04.1f}'
