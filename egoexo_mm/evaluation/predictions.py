"""What metrics and submissions read of data samples, their checks, and a file of predictions.

Legend: N samples, C classes, V verbs, M nouns.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log

from egoexo_mm.atomic_files import whole_file
from egoexo_mm.probabilities import RANKED_FLOOR


def to_numpy(value: Any) -> np.ndarray:
    """Tensor of any device and dtype, or array-like, as an array; bfloat16 becomes float32."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    return np.asarray(value)


def sample_id(sample: Mapping[str, Any]) -> str | None:
    """Name of a sample, None where it has no id.

    Ego4D's is ``<clip_uid>_<action_idx>``. Others are EPIC's ``narration_id``, the keysteps'
    ``segment_id`` or the ``video_id``.
    """
    if sample.get('clip_uid') is not None and sample.get('action_idx') is not None:
        return f'{sample["clip_uid"]}_{sample["action_idx"]}'
    keys = ('narration_id', 'segment_id', 'video_id')
    return next((str(sample[key]) for key in keys if sample.get(key) is not None), None)


def verb_noun_scores(sample: Mapping[str, Any]) -> tuple[np.ndarray, np.ndarray]:
    """(V,) verb and (M,) noun scores of a sample.

    Raises:
        ValueError: ``pred_score`` is not a dict with ``verb`` and ``noun``.
    """
    scores = sample.get('pred_score')
    if not isinstance(scores, Mapping) or not {'verb', 'noun'} <= set(scores):
        found = sorted(map(str, scores)) if isinstance(scores, Mapping) else type(scores).__name__
        raise ValueError(
            f'{sample_id(sample) or "a sample"}: expected pred_score with "verb" and "noun", got '
            f'{found}; the model needs a VerbNounHead'
        )
    return to_numpy(scores['verb']), to_numpy(scores['noun'])


def columns(results: Sequence[Sequence[Any]]) -> list[list[Any]]:
    """The columns of the rows that a metric kept.

    Raises:
        ValueError: There is no row.
    """
    if not results:
        raise ValueError('no results to score; the test set is empty')
    return [list(column) for column in zip(*results)]


def check_finite(scores: np.ndarray, ids: Sequence[str | None], kind: str) -> None:
    """Refuse (N, C) scores with NaN or infinity.

    Raises:
        ValueError: naming the first bad row.
    """
    bad = ~np.isfinite(scores).all(axis=1)
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(
            f'{ids[row] or f"sample {row}"}: {kind} score NaN or infinite ({int(bad.sum())} such '
            'samples), so the model diverged or the dump is damaged'
        )


def check_unique(ids: Iterable[str | None]) -> None:
    """Refuse an id that two samples have; samples without id pass.

    Raises:
        ValueError: naming the first one.
    """
    seen = set()
    for name in ids:
        if name is not None and name in seen:
            raise ValueError(
                f'{name}: the segment comes twice in the results; remove the duplicate from the '
                'annotation file, and test with the DefaultSampler of MMEngine'
            )
        seen.add(name)


def labelled_rows(
    ids: Sequence[str | None], labels: np.ndarray, num_classes: Mapping[str, int]
) -> np.ndarray:
    """(N,) booleans, false for samples labelled -1; the log gives the number of these.

    Args:
        ids: Of the samples, for messages.
        labels: (N, K) class ids of K kinds.
        num_classes: Kind -> number of classes of the head, as ``dict(verbs=97, nouns=300)``.

    Raises:
        ValueError: A label is not between -1 and the number of classes.
    """
    wrong = ((labels < -1) | (labels >= list(num_classes.values()))).any(axis=1)
    if wrong.any():
        row = int(wrong.argmax())
        found, kinds = labels[row].tolist(), ', '.join(kind[:-1] for kind in num_classes)
        label = f'label {found[0]}' if len(found) == 1 else f'label ({kinds}) {found}'
        head = ' and '.join(f'{count} {kind}' for kind, count in num_classes.items())
        raise ValueError(f'{ids[row] or f"sample {row}"}: {label} does not fit a head with {head}')
    labelled = (labels >= 0).all(axis=1)
    if not labelled.all():
        missing = f'{int((~labelled).sum())} of {len(labelled)} segments have no label'
        print_log(f'{missing} and are not scored', 'current')
    return labelled


def check_score_kind(score_kind: str) -> None:
    """Refuse a kind of scores other than ``'probabilities'`` and ``'logits'``."""
    if score_kind not in ('probabilities', 'logits'):
        raise ValueError(f"score_kind must be 'probabilities' or 'logits', got {score_kind!r}")


def to_log(scores: np.ndarray, score_kind: str, hint: str) -> np.ndarray:
    """Scores as log-probabilities or logits, float64.

    Args:
        scores: (N, C) finite.
        score_kind: ``'probabilities'`` (their logarithm is taken) or ``'logits'`` (kept).
        hint: for the message, how to say that these are logits.

    Raises:
        ValueError: "probabilities" outside [0, 1].
    """
    scores = scores.astype(np.float64)
    if score_kind == 'logits':
        return scores
    if scores.size and (scores.min() < 0 or scores.max() > 1 + 1e-3):
        raise ValueError(
            f'scores from {scores.min():.4g} to {scores.max():.4g} are no probabilities; {hint}'
        )
    return np.log(np.maximum(scores, RANKED_FLOOR))


def write_predictions(
    path: str | os.PathLike, ids: Sequence[str | None], **columns: np.ndarray
) -> None:
    """Write ``{segment id: {name: value, ...}}`` as json; a sample without id has its number.

    A format of this package: neither Ego4D's recognition baseline nor the Ego-Exo4D keystep
    benchmark publishes one.
    """
    rows = zip(*(column.tolist() for column in columns.values()))
    found = {
        name or str(number): dict(zip(columns, row))
        for number, (name, row) in enumerate(zip(ids, rows))
    }
    with whole_file(path) as temporary, open(temporary, 'w', encoding='utf-8') as file:
        json.dump(found, file, indent=1, allow_nan=False)
