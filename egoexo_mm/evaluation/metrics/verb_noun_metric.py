"""Verb, noun and action accuracy of EPIC-KITCHENS and Ego4D."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import numpy as np
from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from egoexo_mm.evaluation.class_lists import read_class_ids, read_class_names, read_column
from egoexo_mm.evaluation.class_report import write_class_files
from egoexo_mm.evaluation.measures.verb_noun import tail_rows, unseen_rows, verb_noun_hits
from egoexo_mm.evaluation.predictions import (
    check_finite,
    check_score_kind,
    check_unique,
    columns,
    labelled_rows,
    sample_id,
    to_log,
    to_numpy,
    verb_noun_scores,
    write_predictions,
)

# Participants without training videos (EPIC_100_unseen_participant_ids_{validation,test}.csv).
UNSEEN_PARTICIPANTS = dict(validation=('P18', 'P32'), test=('P33', 'P34', 'P36'))
_KINDS = ('verb', 'noun')
_LIST_NAMES = ('EPIC_100_tail_verbs.csv', 'EPIC_100_tail_nouns.csv')


@METRICS.register_module()
class VerbNounMetric(BaseMetric):
    """Top-k accuracy in percent, as the EPIC-KITCHENS-100 challenge counts it.

    Reads ``pred_score`` (``verb`` (V,), ``noun`` (M,)), ``gt_label`` (verb, noun) and, for Unseen,
    ``participant_id``. Keys: ``verb_top1``, ``noun_top5``, ``action_top1`` ... of all segments, and
    top-1 of ``unseen_*`` and ``tail_*`` where these are given. Segments labelled -1 (an unlabelled
    test set) are left out.

    Args:
        topk: depths for all segments, up to 100.
        unseen_participants: ``'validation'`` (P18, P32), ``'test'`` (P33, P34, P36), a list of ids,
            or a csv file with a column ``participant_id``; None leaves Unseen out.
        tail_verbs: list of class ids or csv file with a column ``verb``; needs ``tail_nouns`` too.
        tail_nouns: the same, column ``noun``.
        score_kind: ``'probabilities'`` (what ``VerbNounHead`` gives) or ``'logits'``.
        report_dir: folder for ``{verb,noun}_classes.csv`` (id, name, count, top-1) and
            ``{verb,noun}_confusion.png`` (needs matplotlib).
        verb_names: list of names, or a class file, for the reports.
        noun_names: the same.
        predictions_file: json file to write, ``{segment id: {verb, noun}}`` with the best class of
            each.
        **kwargs: of ``BaseMetric``.
    """

    default_prefix = 'acc'

    def __init__(
        self,
        *,
        topk: Sequence[int] = (1, 5),
        unseen_participants: Sequence[str] | str | None = None,
        tail_verbs: Sequence[int] | str | None = None,
        tail_nouns: Sequence[int] | str | None = None,
        score_kind: str = 'probabilities',
        report_dir: str | None = None,
        verb_names: Sequence[str] | str | None = None,
        noun_names: Sequence[str] | str | None = None,
        predictions_file: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(**kwargs)
        if (tail_verbs is None) != (tail_nouns is None):
            raise ValueError(f'tail_verbs and tail_nouns go together ({" and ".join(_LIST_NAMES)})')
        check_score_kind(score_kind)
        self.topk = tuple(sorted({1, *topk}))
        self.unseen = None if unseen_participants is None else _participants(unseen_participants)
        self.tail = None
        if tail_verbs is not None and tail_nouns is not None:
            self.tail = read_class_ids(tail_verbs, 'verb'), read_class_ids(tail_nouns, 'noun')
        self.score_kind = score_kind
        self.report_dir = report_dir
        self.names = [read_class_names(names) for names in (verb_names, noun_names)]
        self.predictions_file = predictions_file

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep scores, labels and ids of a batch."""
        for sample in data_samples:
            name, label = sample_id(sample), to_numpy(sample['gt_label'])
            if label.shape != (2,):
                raise ValueError(
                    f'{name or "a sample"}: expected gt_label (verb, noun), got an array of shape '
                    f'{label.shape}'
                )
            scores = verb_noun_scores(sample)
            self.results.append((name, sample.get('participant_id'), label, *scores))

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Accuracies in percent.

        Raises:
            ValueError: nothing to score, a segment comes twice, scores are not finite, or a label
                is out of range.
        """
        ids, participants, *arrays = columns(results)
        check_unique(ids)
        labels, verb, noun = map(np.stack, arrays)
        scores = []
        for kind, raw in zip(_KINDS, (verb, noun)):
            check_finite(raw, ids, kind)
            scores.append(to_log(raw, self.score_kind, "set score_kind='logits'"))
        if self.predictions_file:
            best = {kind: score.argmax(axis=1) for kind, score in zip(_KINDS, scores)}
            write_predictions(self.predictions_file, ids, **best)
        counts = dict(verbs=verb.shape[1], nouns=noun.shape[1])
        labelled = labelled_rows(ids, labels, counts)
        if not labelled.any():
            return {}
        labels, verb, noun = (rows[labelled] for rows in (labels, *scores))
        hits = verb_noun_hits(verb, noun, labels, self.topk)
        metrics = {name: _percent(hit) for name, hit in hits.items()}
        if self.unseen is not None:
            kept = [name for name, keep in zip(participants, labelled) if keep]
            metrics.update(_unseen(hits, kept, self.unseen))
        if self.tail is not None:
            metrics.update(_subset('tail', hits, tail_rows(labels, *self.tail)))
        if self.report_dir:
            for i, (kind, score) in enumerate(zip(_KINDS, (verb, noun))):
                write_class_files(self.report_dir, kind, labels[:, i], score, self.names[i])
        return metrics


def _participants(source: Sequence[str] | str) -> list[str]:
    if isinstance(source, str) and source in UNSEEN_PARTICIPANTS:
        return list(UNSEEN_PARTICIPANTS[source])
    if isinstance(source, (str, os.PathLike)):
        return read_column(source, 'participant_id')
    return list(source)


def _unseen(
    hits: dict[str, np.ndarray], participants: list[str], unseen: list[str]
) -> dict[str, float]:
    if None in participants:
        raise ValueError(
            'Unseen needs participant_id in every data sample; add it to meta_keys of '
            'PackActionInputs'
        )
    rows = unseen_rows(participants, unseen)
    return _subset('unseen', hits, dict(verb=rows, noun=rows, action=rows))


def _percent(hits: np.ndarray) -> float:
    return float(100.0 * hits.mean())


def _subset(
    name: str, hits: dict[str, np.ndarray], subsets: dict[str, np.ndarray]
) -> dict[str, float]:
    """Top-1 of the rows (N,) of each kind; the log names kinds without any, which are left out."""
    absent = [kind for kind, rows in subsets.items() if not rows.any()]
    if absent:
        print_log(f'no {name} segments ({", ".join(absent)}) in the test set: left out', 'current')
    return {
        f'{name}_{kind}_top1': _percent(hits[f'{kind}_top1'][rows])
        for kind, rows in subsets.items()
        if kind not in absent
    }
