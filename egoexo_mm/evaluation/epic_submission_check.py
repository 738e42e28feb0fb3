"""The check of a C1 submission that somebody else wrote.

It refuses what the challenge's server refuses or would score wrongly; the format is described in
:mod:`egoexo_mm.evaluation.epic_submission`.
"""

from __future__ import annotations

import os
import sys
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from egoexo_mm.untrusted import quote, quote_names, shorten
from egoexo_mm.untrusted.json_text import Pairs, parse_json, repeated_key
from egoexo_mm.untrusted.zip_archives import DAMAGE

from .epic_submission import CHALLENGE, MEMBER, NUM_CLASSES, SUPERVISION, VERSION, check_supervision

_SMALL, _MOST_GROWTH = 1 << 22, 30  # digits of scores shrink to a half or a third
_MAX_BYTES = 2 * 1024**3  # a full submission is about 0.1 GB
_KEYS = ('version', 'challenge', *SUPERVISION, 'results')
_CLASSES = {kind: list(map(str, range(count))) for kind, count in NUM_CLASSES.items()}


class _Complete(NamedTuple):
    """Stands for checked scores of a segment, which would take 100 times the memory."""

    kind: str


class _Repeated(NamedTuple):
    """Stands for an object in which a key comes twice."""

    key: str


def check_submission(path: str | os.PathLike) -> list[str]:
    """Ids of the segments of a submission (zip or json) in which nothing is wrong.

    Raises:
        ValueError: The message names the file, and the segment or key that is wrong.
    """
    if not Path(path).is_file():
        raise ValueError(f'{path}: no such file')
    try:
        return _check_document(_parse(_read(Path(path))))
    except ValueError as error:
        raise ValueError(f'{path}: {error}') from None


def _read(path: Path) -> bytes:
    if not zipfile.is_zipfile(path):
        if path.suffix == '.zip':
            raise ValueError('not a zip archive, or cut off; pack test.json with zip again')
        return path.read_bytes()
    try:
        with zipfile.ZipFile(path) as archive:
            names = [info.filename for info in archive.infolist() if not info.is_dir()]
            if names.count(MEMBER) != 1:
                raise ValueError(
                    f'expected {MEMBER} at the top of the archive, found '
                    f'{quote_names(names) or "nothing"}'
                )
            info = archive.getinfo(MEMBER)
            packed = min(info.compress_size, path.stat().st_size)
            if info.file_size > _MAX_BYTES:
                raise ValueError(
                    f'{MEMBER} unpacks to {info.file_size / 1e9:.1f} GB, a full submission has '
                    'about 0.1 GB'
                )
            if info.file_size > _SMALL + _MOST_GROWTH * packed:
                raise ValueError(
                    f'{MEMBER} unpacks to more than {_MOST_GROWTH} times its size in the archive, '
                    'which scores do not; pack the json of the scores'
                )
            return archive.read(info)
    except (*DAMAGE, zlib.error, OSError) as error:
        raise ValueError(
            f'the archive is damaged or encrypted ({shorten(str(error))}); pack test.json with zip '
            'again'
        ) from None


def _parse(raw: bytes) -> Any:
    # A submission has no lists and hundreds of scores in an object: anything else takes far more
    # memory than its text.
    if raw.count(b'[') > 100 or raw.count(b'{') > 1000 + len(raw) // 100:
        raise ValueError('not a submission: it has more brackets than scores')
    try:
        return parse_json(raw, _object)
    except ValueError as error:
        raise ValueError(f'not json, or cut off ({error})') from None


def _object(pairs: Pairs) -> Any:
    """What stands for an object; called for the scores before their segment."""
    found = dict(pairs)
    if len(found) < len(pairs):
        return _Repeated(repeated_key(pairs))
    for kind, classes in _CLASSES.items():
        if len(found) == len(classes) and found.keys() == set(classes):
            return _Complete(kind) if all(map(_is_score, found.values())) else found
    return found


def _is_score(value: Any) -> bool:
    # NaN and integers that no float can hold fail the comparison as infinity does
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def _check_document(document: Any) -> list[str]:
    if isinstance(document, _Repeated):
        raise ValueError(f'key {quote(document.key)} comes twice at the top')
    if not isinstance(document, Mapping):
        raise ValueError(
            f'expected an object with version, challenge, {", ".join(SUPERVISION)} and results'
        )
    for key in _KEYS:  # further keys do no harm
        if key not in document:
            raise ValueError(f'lacks the key {quote(key)}; schema {VERSION} has {", ".join(_KEYS)}')
    for key, value in (('version', VERSION), ('challenge', CHALLENGE)):
        if document[key] != value:
            raise ValueError(f'{key} must be {quote(value)}, got {quote(document[key])}')
    check_supervision(document)
    results = document['results']
    if isinstance(results, _Repeated):
        raise ValueError(f'segment {quote(results.key)} comes twice in results')
    if not isinstance(results, Mapping) or not results:
        raise ValueError(
            'results must be an object with an entry for each segment, keyed by narration_id, and '
            'not be empty'
        )
    for name, entry in results.items():
        fault = _segment_fault(entry)
        if fault:
            raise ValueError(f'segment {quote(name)}: {fault}')
    return list(results)


def _segment_fault(entry: Any) -> str | None:
    """What is wrong with an entry, if anything."""
    if isinstance(entry, _Repeated):
        return f'key {quote(entry.key)} comes twice'
    if not isinstance(entry, Mapping) or set(entry) != set(NUM_CLASSES):
        found = quote_names(entry) if isinstance(entry, Mapping) else 'something else'
        return f'expected an object with verb and noun, got {found or "none"}'
    faults = (_fault(kind, entry[kind]) for kind in NUM_CLASSES if entry[kind] != (kind,))
    return next(faults, None)


def _fault(kind: str, scores: Any) -> str:
    """What is wrong with scores that are not complete."""
    classes = _CLASSES[kind]
    expected = f'expected a score for each class "0" to "{classes[-1]}"'
    if isinstance(scores, _Repeated):
        return f'{kind} class {quote(scores.key)} comes twice'
    if isinstance(scores, _Complete):
        return f'{kind} has the classes of a {scores.kind}; {expected}'
    if not isinstance(scores, Mapping):
        return f'{kind} must be an object; {expected}'
    lacking = [key for key in classes if key not in scores]
    odd = lacking or [key for key in scores if key not in classes]
    if odd:
        what = 'lacks' if lacking else 'has the unknown'
        return f'{kind} {what} class {quote(odd[0])} ({len(odd)} such); {expected}'
    name, value = next((key, value) for key, value in scores.items() if not _is_score(value))
    return f'{kind} score of class {name} is {quote(value)}, expected a finite number'
