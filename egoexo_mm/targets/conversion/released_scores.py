"""Teacher files that were released with Ego-Exo into target stores: the scores.

``k400_ego_predicts.pkl`` and ``k400_IN_predicts.pkl`` are pickled mappings from the path in the
training list to 2 or 1000 numbers. Whether these are logits or probabilities is nowhere written,
so the caller says it and the numbers are checked against it. The boxes are in
:mod:`.released_boxes`. Source: https://github.com/facebookresearch/Ego-Exo
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from egoexo_mm.progress import track
from egoexo_mm.untrusted import quote

from ..store.disk import check_unused
from ..store.errors import TargetStoreError
from ..store.manifest import Manifest, video_id_from_path
from ..store.records import check_scores
from ..store.writer import StoreWriter
from .numpy_files import load_pickle


def convert_scores(
    source: str | Path,
    out: str | Path,
    *,
    signal: str,
    score_kind: str,
    video_id: str = 'stem',
    dataset: str = 'k400',
    teacher: str | None = None,
    force: bool = False,
) -> int:
    """Turn a pickle of scores per video into a store.

    Everything is checked before the first byte is written. The store appears under its name when
    it is complete.

    Args:
        source: Pickle of ``{path in the list: C numbers}``.
        out: Folder of the store; must not exist, or be empty.
        signal: ``'ego_score'`` (C = 2) or ``'object_score'`` (C = 1000).
        score_kind: ``'logits'`` or ``'probabilities'``.
        video_id: How paths become ids, see :func:`video_id_from_path`.
        dataset: For the manifest.
        teacher: For the manifest.
        force: Keep ``score_kind`` even where the numbers contradict it.

    Returns:
        Number of videos.

    Raises:
        TargetStoreError: unreadable pickle, wrong length, NaN, two paths with one id, or numbers
            that contradict ``score_kind``.
    """
    source, out = Path(source), Path(out)
    manifest = Manifest(
        signal=signal,
        dataset=dataset,
        video_id=video_id,
        score_kind=score_kind,
        teacher=teacher or f'Ego-Exo release, {source.name}',
    )
    check_unused(out)
    table = load_pickle(source)
    if not isinstance(table, Mapping) or not table:
        raise TargetStoreError(
            f'{source}: expected a mapping from video path to scores, found '
            f'{"an empty one" if table == {} else type(table).__name__}'
        )
    rows = _checked_rows(table, manifest, source)
    if not force:
        _check_score_kind(rows, score_kind, source)
    out = out.resolve()
    partial = out.with_name(f'.{out.name}.partial')
    shutil.rmtree(partial, ignore_errors=True)  # of a killed run
    try:
        with StoreWriter(partial, manifest) as writer:
            for key, scores in track(rows.items(), len(rows), f'write {signal}'):
                writer.add_scores(key, scores)
        partial.replace(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return len(rows)


def _checked_rows(table: Mapping, manifest: Manifest, source: Path) -> dict[str, Any]:
    """Video id -> scores as they are in the file, all of the right length and finite."""
    rows: dict[str, Any] = {}
    first_key: dict[str, str] = {}
    for key, scores in track(table.items(), len(table), f'check {source.name}'):
        if not isinstance(key, str):
            raise TargetStoreError(
                f'{source}: key {quote(key)} is not a path; expected the first '
                'field of the training list'
            )
        if any(ord(character) < 32 for character in key):
            raise TargetStoreError(
                f'{source}: key {quote(key)} has control characters; expected '
                'the first field of the training list'
            )
        name = video_id_from_path(key, manifest.video_id)
        if name in rows:
            raise TargetStoreError(
                f'{source}: {quote(first_key[name])} and {quote(key)} would share the video id '
                f'{quote(name)}; use '
                "the id rule 'path' (--id path)"
            )
        check_scores(_numbers(scores), manifest.num_scores, f'{source}: {quote(key)}')
        rows[name], first_key[name] = scores, key
    return rows


def _numbers(scores: Any) -> np.ndarray:
    if isinstance(scores, np.ndarray):
        return scores
    # Each text of an array takes as much room as the longest.
    short = isinstance(scores, (list, tuple)) and all(
        isinstance(score, (int, float, np.number)) or isinstance(score, str) and len(score) < 100
        for score in scores
    )
    return np.asarray(scores if short else None)


def _check_score_kind(rows: dict[str, Any], score_kind: str, source: Path) -> None:
    """Probabilities are non-negative and sum to 1; logits hardly ever all do."""
    low, sums = np.inf, []
    odd = None  # first row that cannot be probabilities
    for key, scores in rows.items():
        scores = np.asarray(scores, dtype=np.float64)
        low = min(low, scores.min())
        sums.append(scores.sum())
        if odd is None and (scores.min() < 0 or abs(sums[-1] - 1) > 1e-3):
            odd = f'{quote(key)} has minimum {scores.min():.4g} and sum {sums[-1]:.4g}'
    figures = f'minimum {low:.4g}, sums from {min(sums):.4g} to {max(sums):.4g}'
    if score_kind == 'logits' and odd is None:
        raise TargetStoreError(
            f'{source}: the scores look like probabilities ({figures}), not logits; give '
            '--score-kind probabilities, or --force when they are logits all the same'
        )
    if score_kind == 'probabilities' and odd is not None:
        raise TargetStoreError(
            f'{source}: the scores are no probabilities ({odd}; all: {figures}); give '
            '--score-kind logits, or --force to keep them as they are'
        )
