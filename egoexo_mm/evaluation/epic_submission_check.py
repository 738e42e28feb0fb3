"""Checking a C1 submission that somebody else wrote; see :mod:`egoexo_mm.evaluation.epic_submission` for the format."""

from __future__ import annotations

import json
import os
import sys
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from egoexo_mm.untrusted import quote, quote_names, shorten

from .epic_submission import CHALLENGE, MEMBER, NUM_CLASSES, SUPERVISION, VERSION, check_supervision

_SMALL, _MOST_GROWTH = 1 << 22, 30  # digits of scores shrink to a half or a third
_MAX_BYTES = (
    2 * 1024**3
)  # a full submission is about 0.1 GB; a small archive may unpack to far more
_CLASS_KEYS = {kind: tuple(map(str, range(count))) for kind, count in NUM_CLASSES.items()}
_KEY_SETS = {frozenset(keys): kind for kind, keys in _CLASS_KEYS.items()}


class _Complete(NamedTuple):
    """Stands for the scores of a segment that passed, which would take 100 times the memory."""

    kind: str


class _Repeated(NamedTuple):
    """Stands for an object of the file in which a key comes twice."""

    key: str


def check_submission(path: str | os.PathLike) -> list[str]:
    """Ids of the segments of a submission (zip or json), all of which passed.

    Raises:
        ValueError: one sentence with the file, and the segment or key that is wrong.
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
                    f'expected {MEMBER} at the top of the archive, found {quote_names(names) or "nothing"}'
                )
            info = archive.getinfo(MEMBER)
            if info.file_size > _MAX_BYTES:
                raise ValueError(
                    f'{MEMBER} unpacks to {info.file_size / 1e9:.1f} GB, a full submission has about 0.1 GB'
                )
            if info.file_size > _SMALL + _MOST_GROWTH * min(
                info.compress_size, path.stat().st_size
            ):
                raise ValueError(
                    f'{MEMBER} unpacks to more than {_MOST_GROWTH} times its size in the archive, which scores '
                    'do not; pack the json of the scores'
                )
            return archive.read(info)
    except (
        zipfile.BadZipFile,
        zlib.error,
        RuntimeError,
        NotImplementedError,
        EOFError,
        IndexError,
        OSError,
    ) as error:
        raise ValueError(
            f'the archive is damaged or encrypted ({shorten(str(error))}); pack test.json with zip '
            'again'
        ) from None


def _parse(raw: bytes) -> Any:
    try:
        _check_amounts(raw)
        return json.loads(raw, object_pairs_hook=_object, parse_int=_integer)
    except RecursionError:
        raise ValueError('not a submission: brackets are nested too deep to be read') from None
    except UnicodeDecodeError:
        raise ValueError('not a json file in UTF-8, or cut off') from None
    except json.JSONDecodeError as error:
        raise ValueError(
            f'not json, or cut off (line {error.lineno}, column {error.colno}: {error.msg})'
        ) from None


def _check_amounts(raw: bytes) -> None:
    """Refuse what would take far more memory than its text: a submission has no lists, and hundreds of scores an object."""
    if raw.count(b'[') > 100 or raw.count(b'{') > 1000 + len(raw) // 100:
        raise ValueError('not a submission: it has more brackets than scores')


def _integer(digits: str) -> float:
    return (
        int(digits) if len(digits) < 4000 else float(digits)
    )  # as an integer, a long one takes quadratic time


def _object(pairs: list[tuple[str, Any]]) -> Any:
    """What stands for an object of the file. Repeated keys, which ``dict`` would swallow, are seen here alone."""
    found = dict(pairs)
    if len(found) < len(pairs):
        seen: set[str] = set()
        return _Repeated(next(key for key, _ in pairs if key in seen or seen.add(key)))
    kind = _KEY_SETS.get(frozenset(found)) if len(found) in NUM_CLASSES.values() else None
    if kind and all(map(_is_score, found.values())):
        return _Complete(kind)
    return found


def _is_score(value: Any) -> bool:
    # NaN and integers that no float can hold fail the comparison as infinity does.
    return type(value) in (int, float) and abs(value) <= sys.float_info.max


def _check_document(document: Any) -> list[str]:
    if isinstance(document, _Repeated):
        raise ValueError(f'key {quote(document.key)} comes twice at the top')
    if not isinstance(document, Mapping):
        raise ValueError(
            f'expected an object with version, challenge, {", ".join(SUPERVISION)} and results'
        )
    wanted = ('version', 'challenge', *SUPERVISION, 'results')
    lacking = [key for key in wanted if key not in document]
    if lacking:  # further keys do no harm
        raise ValueError(
            f'lacks the key {quote(lacking[0])}; schema {VERSION} has {", ".join(wanted)}'
        )
    for key, value in (('version', VERSION), ('challenge', CHALLENGE)):
        if document[key] != value:
            raise ValueError(f'{key} must be {quote(value)}, got {quote(document[key])}')
    check_supervision(document)
    return _check_results(document['results'])


def _check_results(results: Any) -> list[str]:
    if isinstance(results, _Repeated):
        raise ValueError(f'segment {quote(results.key)} comes twice in results')
    if not isinstance(results, Mapping) or not results:
        raise ValueError(
            'results must be an object with an entry for each segment, keyed by narration_id, and not be empty'
        )
    for name, entry in results.items():
        if isinstance(entry, _Repeated):
            raise ValueError(f'segment {quote(name)}: key {quote(entry.key)} comes twice')
        if not isinstance(entry, Mapping) or set(entry) != set(NUM_CLASSES):
            found = quote_names(entry) if isinstance(entry, Mapping) else 'something else'
            raise ValueError(
                f'segment {quote(name)}: expected an object with verb and noun, got {found or "none"}'
            )
        for kind, scores in entry.items():
            if not (isinstance(scores, _Complete) and scores.kind == kind):
                raise ValueError(f'segment {quote(name)}: {_fault(kind, scores)}')
    return list(results)


def _fault(kind: str, scores: Any) -> str:
    """What is wrong with the scores of one kind."""
    keys = _CLASS_KEYS[kind]
    expected = f'expected a score for each class "0" to "{keys[-1]}"'
    if isinstance(scores, _Repeated):
        return f'{kind} class {quote(scores.key)} comes twice'
    if isinstance(scores, _Complete):
        return f'{kind} has the classes of a {scores.kind}; {expected}'
    if not isinstance(scores, Mapping):
        return f'{kind} must be an object; {expected}'
    for what, names in (
        ('lacks', [key for key in keys if key not in scores]),
        ('has the unknown', [key for key in scores if key not in keys]),
    ):
        if names:
            return f'{kind} {what} class {quote(names[0])} ({len(names)} such); {expected}'
    name, value = next((key, value) for key, value in scores.items() if not _is_score(value))
    return f'{kind} score of class {name} is {quote(value)}, expected a finite number'
