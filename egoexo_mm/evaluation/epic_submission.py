"""Submissions to the EPIC-KITCHENS-100 action recognition challenge (C1), schema 0.2.

A submission is a zip archive with ``test.json``: ``version``, ``challenge``, the supervision levels
``sls_pt``, ``sls_tl``, ``sls_td``, and ``results``: ``{narration_id: {"verb": {"0": score, ...},
"noun": {"0": score, ...}}}`` with a score for each class.
https://github.com/epic-kitchens/C1-Action-Recognition
"""

from __future__ import annotations

import json
import os
import zipfile
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

import numpy as np

from egoexo_mm.atomic_files import whole_file
from egoexo_mm.untrusted import quote

from .predictions import check_finite, check_unique, to_log, verb_noun_scores

VERSION, CHALLENGE, MEMBER = '0.2', 'action_recognition', 'test.json'
NUM_CLASSES = dict(verb=97, noun=300)
SUPERVISION = dict(sls_pt='pretraining', sls_tl='training labels', sls_td='training data')
TEST_SEGMENTS = 13092  # rows of EPIC_100_test_timestamps.csv


class Scores(NamedTuple):
    """Scores to submit: ids of N segments, (N, 97) of verbs and (N, 300) of nouns."""

    ids: list[str]
    verb: np.ndarray
    noun: np.ndarray


def collect_scores(
    samples: Iterable[Mapping[str, Any]], score_kind: str = 'probabilities'
) -> Scores:
    """Scores of a test dump, as log-probabilities or logits.

    The official code takes a softmax of what is submitted: of log-probabilities it gives the
    probabilities back, of probabilities it would rank actions by another rule than the one the
    model was validated with.

    Raises:
        ValueError: a sample lacks its ``narration_id`` or its scores, has another number of
            classes, comes twice, or holds a score that is no finite number or no probability.
    """
    ids: list[str] = []
    columns: dict[str, list[np.ndarray]] = dict(verb=[], noun=[])
    for number, sample in enumerate(samples):
        if not isinstance(sample.get('narration_id'), str):
            raise ValueError(
                f'sample {number} has no narration_id; add it to meta_keys of PackActionInputs and '
                'test again'
            )
        ids.append(sample['narration_id'])
        for kind, score in zip(columns, verb_noun_scores(sample)):
            if score.shape != (NUM_CLASSES[kind],):
                raise ValueError(
                    f'{ids[-1]}: {kind} scores of shape {score.shape}, expected one for each of '
                    f'the {NUM_CLASSES[kind]} {kind} classes of EPIC-100'
                )
            columns[kind].append(score)
    check_unique(ids)
    stacked = {kind: np.stack(rows) for kind, rows in columns.items()}
    for kind, scores in stacked.items():
        check_finite(scores, ids, kind)
        stacked[kind] = to_log(scores, score_kind, 'say --score-kind logits')
    return Scores(ids, **stacked)


def check_segments(ids: Iterable[str], expected: Iterable[str], annotation: str) -> None:
    """Refuse a set of segments that is not that of the annotation.

    Raises:
        ValueError: segments are missing or unknown; the message has their number and the first.
    """
    found, wanted = dict.fromkeys(ids), dict.fromkeys(expected)  # sets that keep the order
    lists = {
        'missing': [name for name in wanted if name not in found],
        'not in the annotation': [name for name in found if name not in wanted],
    }
    problems = [
        f'{len(names)} {what} (first: {names[0]})' for what, names in lists.items() if names
    ]
    if problems:
        raise ValueError(
            f'segments: {" and ".join(problems)}; expected the {len(wanted)} of {annotation}'
        )


def check_supervision(levels: Mapping[str, Any]) -> None:
    """Refuse supervision levels other than whole numbers from 0 to 5.

    Raises:
        ValueError: naming the level.
    """
    for key, meaning in SUPERVISION.items():
        value = levels.get(key)
        if type(value) is not int or not 0 <= value <= 5:
            raise ValueError(
                f'{key} (supervision level, {meaning}) must be a whole number from 0 to 5, got '
                f'{quote(value)}'
            )


def write_submission(
    path: str | os.PathLike, scores: Scores, *, sls_pt: int = 2, sls_tl: int = 3, sls_td: int = 4
) -> None:
    """Write the zip archive, segment by segment.

    Raises:
        ValueError: a supervision level is out of range; nothing is written.
    """
    levels = dict(sls_pt=sls_pt, sls_tl=sls_tl, sls_td=sls_td)
    check_supervision(levels)
    with whole_file(path) as temporary:
        with zipfile.ZipFile(temporary, 'w', zipfile.ZIP_DEFLATED, compresslevel=6) as archive:
            with archive.open(MEMBER, 'w', force_zip64=True) as member:
                for chunk in _json_chunks(scores, levels):
                    member.write(chunk.encode())


def _json_chunks(scores: Scores, levels: Mapping[str, int]) -> Iterator[str]:
    head = json.dumps(dict(version=VERSION, challenge=CHALLENGE, **levels))
    yield f'{head[:-1]}, "results": {{'
    # nine digits give a float32 back exactly; with an exponent every parser reads a float
    verbs, nouns = (
        ', '.join(f'"{number}": %.8e' for number in range(count)) for count in NUM_CLASSES.values()
    )
    separator = ''
    for name, verb, noun in zip(*scores):
        yield f'{separator}\n{json.dumps(name)}: {{"verb": {{{verbs % tuple(verb)}}}, '
        yield f'"noun": {{{nouns % tuple(noun)}}}}}'
        separator = ','
    yield '\n}}\n'
