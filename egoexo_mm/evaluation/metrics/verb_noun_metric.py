"""Verb, noun and action accuracy of EPIC-KITCHENS and Ego4D."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from mmaction.registry import METRICS
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from egoexo_mm.evaluation.class_lists import read_class_ids, read_class_names, read_column
from egoexo_mm.evaluation.class_report import (
    class_accuracy,
    confusion_matrix,
    plot_confusion,
    write_class_report,
)
from egoexo_mm.evaluation.measures.verb_noun import tail_rows, unseen_rows, verb_noun_hits
from egoexo_mm.evaluation.predictions import (
    check_finite,
    check_unique,
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

    Reads ``pred_score`` (``verb`` (V,), ``noun`` (M,)), ``gt_label`` (verb, noun) and, for Unseen, ``participant_id``.
    Keys: ``verb_top1``, ``noun_top5``, ``action_top1`` ... of all segments, and top-1 of ``unseen_*`` and ``tail_*`` where
    these are given. Segments labelled -1 (an unlabelled test set) are left out.

    Args:
        topk: depths for all segments, up to 100.
        unseen_participants: ``'validation'`` (P18, P32), ``'test'`` (P33, P34, P36), a list of ids, or a csv file with a
            column ``participant_id``; None leaves Unseen out.
        tail_verbs: list of class ids or csv file with a column ``verb``; goes with ``tail_nouns``.
        tail_nouns: the same, column ``noun``.
        score_kind: ``'probabilities'`` (what ``VerbNounHead`` gives) or ``'logits'``.
        report_dir: folder for ``{verb,noun}_classes.csv`` (id, name, count, top-1) and ``{verb,noun}_confusion.png``
            (needs matplotlib).
        verb_names: list of names, or a class file, for the reports.
        noun_names: the same.
        predictions_file: json file to write, ``{segment id: {verb, noun}}`` with the best class of each.
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
        if score_kind not in ('probabilities', 'logits'):
            raise ValueError(f"score_kind must be 'probabilities' or 'logits', got {score_kind!r}")
        self.topk = tuple(sorted({1, *topk}))
        self.unseen = None if unseen_participants is None else _participants(unseen_participants)
        self.tail = (
            None
            if tail_verbs is None
            else (read_class_ids(tail_verbs, 'verb'), read_class_ids(tail_nouns, 'noun'))
        )
        self.score_kind = score_kind
        self.report_dir = report_dir
        self.names = [
            None if names is None else read_class_names(names) for names in (verb_names, noun_names)
        ]
        self.predictions_file = predictions_file

    def process(self, data_batch: Any, data_samples: Sequence[dict]) -> None:
        """Keep scores, labels and ids of a batch."""
        for sample in data_samples:
            verb, noun = verb_noun_scores(sample)
            label = to_numpy(sample['gt_label'])
            if label.shape != (2,):
                raise ValueError(
                    f'{sample_id(sample) or "a sample"}: expected gt_label (verb, noun), got an array of shape '
                    f'{label.shape}'
                )
            self.results.append(
                (sample_id(sample), sample.get('participant_id'), label, verb, noun)
            )

    def compute_metrics(self, results: list) -> dict[str, float]:
        """Accuracies in percent.

        Raises:
            ValueError: nothing to score, a segment comes twice, scores are not finite, or a label is out of range.
        """
        if not results:
            raise ValueError('no results to score; the test set is empty')
        ids, participants, labels, verb, noun = (list(column) for column in zip(*results))
        check_unique(ids)
        labels, verb, noun = np.stack(labels), np.stack(verb), np.stack(noun)
        for kind, scores in zip(_KINDS, (verb, noun)):
            check_finite(scores, ids, kind)
        hint = "set score_kind='logits'"
        verb, noun = to_log(verb, self.score_kind, hint), to_log(noun, self.score_kind, hint)
        if self.predictions_file:
            self._write_predictions(ids, verb, noun)
        labelled = self._labelled(ids, labels, (verb.shape[1], noun.shape[1]))
        if not labelled.any():
            return {}
        labels, verb, noun = labels[labelled], verb[labelled], noun[labelled]
        hits = verb_noun_hits(verb, noun, labels, self.topk)
        metrics = {name: _percent(hit) for name, hit in hits.items()}
        metrics.update(
            self._unseen(hits, [name for name, keep in zip(participants, labelled) if keep])
        )
        metrics.update(self._tail(hits, labels))
        if self.report_dir:
            self._report(labels, hits, (verb, noun))
        return metrics

    def _labelled(self, ids: list, labels: np.ndarray, classes: tuple[int, int]) -> np.ndarray:
        """(N,) booleans; labels out of range are refused."""
        wrong = ((labels < -1) | (labels >= classes)).any(axis=1)
        if wrong.any():
            row = int(wrong.argmax())
            raise ValueError(
                f'{ids[row] or f"sample {row}"}: label (verb, noun) {labels[row].tolist()} does not fit a head '
                f'with {classes[0]} verbs and {classes[1]} nouns'
            )
        labelled = (labels >= 0).all(axis=1)
        if not labelled.all():
            print_log(
                f'{int((~labelled).sum())} of {len(labelled)} segments have no label and are not scored',
                'current',
            )
        return labelled

    def _unseen(
        self, hits: dict[str, np.ndarray], participants: list[str | None]
    ) -> dict[str, float]:
        if self.unseen is None:
            return {}
        if None in participants:
            raise ValueError(
                'Unseen needs participant_id in every data sample; add it to meta_keys of PackActionInputs'
            )
        rows = unseen_rows(participants, self.unseen)
        return _subset(
            'unseen', {kind: (hits[f'{kind}_top1'], rows) for kind in (*_KINDS, 'action')}
        )

    def _tail(self, hits: dict[str, np.ndarray], labels: np.ndarray) -> dict[str, float]:
        if self.tail is None:
            return {}
        return _subset(
            'tail',
            {
                kind: (hits[f'{kind}_top1'], rows)
                for kind, rows in tail_rows(labels, *self.tail).items()
            },
        )

    def _report(
        self, labels: np.ndarray, hits: dict[str, np.ndarray], scores: tuple[np.ndarray, np.ndarray]
    ) -> None:
        for column, (kind, names, score) in enumerate(zip(_KINDS, self.names, scores)):
            label, num_classes = labels[:, column], score.shape[1]
            counts, accuracy = class_accuracy(label, hits[f'{kind}_top1'], num_classes)
            write_class_report(
                Path(self.report_dir, f'{kind}_classes.csv'), counts, dict(top1=accuracy), names
            )
            matrix = confusion_matrix(label, score.argmax(axis=1), num_classes)
            plot_confusion(
                Path(self.report_dir, f'{kind}_confusion.png'),
                matrix,
                names,
                f'{kind}s, {len(label)} segments',
            )

    def _write_predictions(self, ids: list, verb: np.ndarray, noun: np.ndarray) -> None:
        best = zip(ids, verb.argmax(axis=1).tolist(), noun.argmax(axis=1).tolist())
        write_predictions(
            self.predictions_file,
            {
                name or str(row): dict(verb=verb, noun=noun)
                for row, (name, verb, noun) in enumerate(best)
            },
        )


def _participants(source: Sequence[str] | str) -> list[str]:
    if isinstance(source, str) and source in UNSEEN_PARTICIPANTS:
        return list(UNSEEN_PARTICIPANTS[source])
    return (
        read_column(source, 'participant_id')
        if isinstance(source, (str, os.PathLike))
        else list(source)
    )


def _percent(hits: np.ndarray) -> float:
    return float(100.0 * hits.mean())


def _subset(name: str, parts: dict[str, tuple[np.ndarray, np.ndarray]]) -> dict[str, float]:
    """Top-1 of kind -> (hits, rows that count); a subset that the test set lacks is left out and said so."""
    absent = [kind for kind, (_, rows) in parts.items() if not rows.any()]
    if absent:
        print_log(f'no {name} segments ({", ".join(absent)}) in the test set: left out', 'current')
    return {
        f'{name}_{kind}_top1': _percent(hits[rows])
        for kind, (hits, rows) in parts.items()
        if kind not in absent
    }
