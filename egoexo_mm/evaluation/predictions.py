"""What a data sample says, in the terms of the metrics, and a plain file of predictions."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch

from egoexo_mm.atomic_files import whole_file


def to_numpy(value: Any) -> np.ndarray:
    """Tensor of any device and dtype, or array-like, as an array; bfloat16 becomes float32."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return (value.float() if value.dtype == torch.bfloat16 else value).numpy()
    return np.asarray(value)


def sample_id(sample: Mapping[str, Any]) -> str | None:
    """Name of a segment: EPIC's ``narration_id``, the keysteps' ``segment_id``, Ego4D's ``<clip_uid>_<action_idx>``, else
    ``video_id``; None where a sample has none of them."""
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
            f'{sample_id(sample) or "a sample"}: expected pred_score with "verb" and "noun", got {found}; the '
            'model needs a VerbNounHead'
        )
    return to_numpy(scores['verb']), to_numpy(scores['noun'])


def check_finite(scores: np.ndarray, ids: list[str | None], kind: str) -> None:
    """Refuse (N, C) scores with NaN or infinity.

    Raises:
        ValueError: naming the first bad row.
    """
    bad = ~np.isfinite(scores).all(axis=1)
    if bad.any():
        row = int(bad.argmax())
        raise ValueError(
            f'{ids[row] or f"sample {row}"}: {kind} score NaN or infinite ({int(bad.sum())} such samples), so '
            'the model diverged or the dump is damaged'
        )


def check_unique(ids: Iterable[str | None]) -> None:
    """Refuse a segment that comes twice; samples without id pass.

    Raises:
        ValueError: naming the first one.
    """
    seen = set()
    for name in ids:
        if name is not None and name in seen:
            raise ValueError(
                f'{name}: the segment comes twice in the results; remove the duplicate from the annotation '
                'file, and test with the DefaultSampler of MMEngine'
            )
        seen.add(name)


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
    return np.log(
        np.maximum(scores, 1e-45)
    )  # below the smallest float32, so that the order is kept


def write_predictions(
    path: str | os.PathLike, predictions: Mapping[str, Mapping[str, Any]]
) -> None:
    """Write ``{segment id: {...}}`` as json.

    A format of this package: neither Ego4D's recognition baseline nor the Ego-Exo4D keystep benchmark publishes one.
    """
    with whole_file(path) as temporary, open(temporary, 'w', encoding='utf-8') as file:
        json.dump(predictions, file, indent=1, allow_nan=False)
