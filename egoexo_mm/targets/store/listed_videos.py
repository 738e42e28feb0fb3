"""Videos of annotation lists, and the ids under which a store keeps them."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable
from pathlib import Path

from egoexo_mm.untrusted import quote
from egoexo_mm.untrusted.json_text import parse_json
from egoexo_mm.video_lists import parse_video_list, read_text

from .errors import TargetStoreError
from .manifest import video_id_from_path


def listed_paths(path: str | Path) -> list[str]:
    """Paths in an annotation list: a line per video, its path and, mostly, one or more labels.

    A ``.json`` is a file of keysteps of Ego-Exo4D, of which the clips of all cameras are listed.

    Raises:
        TargetStoreError: the list cannot be read or names no video.
    """
    try:
        if str(path).endswith('.json'):
            return _keystep_clips(path)
        return [video.path for video in parse_video_list(read_text(path), path, several=None)]
    except ValueError as error:
        raise TargetStoreError(str(error)) from None


def _keystep_clips(path: str | Path) -> list[str]:
    """Clips of all cameras of ``keystep_segment_*.json``, see ``EgoExo4DKeystepDataset``."""
    text = read_text(path)
    try:
        content = parse_json(text.encode())
    except ValueError as error:
        raise ValueError(f'{path}: is not JSON ({error}); get the file again') from None
    segments = content.get('segments') if isinstance(content, dict) else None
    rows = segments if isinstance(segments, list) else []
    clips = [row.get('segment_name_list') if isinstance(row, dict) else None for row in rows]
    names = [name for listed in clips if isinstance(listed, list) for name in listed]
    if not names or None in clips or not all(isinstance(name, str) for name in names):
        raise ValueError(
            f'{path}: expected "segments" with a "segment_name_list" of clip names in each; give '
            'keystep_segment_*.json of Ego-Exo4D, or a list of "path label" lines'
        )
    return names


def listed_ids(path: str | Path, rule: str) -> list[str]:
    """Ids of the videos of an annotation list, each once, see :func:`listed_paths`.

    Raises:
        TargetStoreError: as there, or two videos of the list have one id.
    """
    paths = listed_paths(path)
    check_one_video_an_id(paths, rule, f'{path}: ')
    return list(dict.fromkeys(video_id_from_path(video, rule) for video in paths))


def check_one_video_an_id(paths: Iterable[str], rule: str, where: str = '') -> None:
    """Refuse two videos that a store cannot tell apart.

    A video that is listed twice is no such pair.

    Raises:
        TargetStoreError: for the first pair.
    """
    first: dict[str, str] = {}
    for path in paths:
        key = video_id_from_path(path, rule)
        other = first.setdefault(key, path)
        if other != path and _plain(other) != _plain(path):
            raise TargetStoreError(
                f'{where}two videos of the list have the id {quote(key)}: '
                f'{quote(other)} and {quote(path)}; ' + _remedy(other, path, rule)
            )


def check_listed_once(paths: Iterable[str], rule: str, where: str = '') -> None:
    """Refuse two lines of one id, also of the same video: each gives a row of the store.

    Raises:
        TargetStoreError: for the first pair.
    """
    paths = list(paths)
    check_one_video_an_id(paths, rule, where)
    seen: dict[str, str] = {}
    for path in paths:
        key = video_id_from_path(path, rule)
        if key in seen:
            raise TargetStoreError(
                f'{where}two videos of the list have the id {quote(key)}: {quote(seen[key])} and '
                f'{quote(path)}; remove one of the lines'
            )
        seen[key] = path


def _plain(path: str) -> str:
    return posixpath.normpath(path.replace('\\', '/'))


def _remedy(one: str, other: str, rule: str) -> str:
    """What to do about two videos with one id under the ``rule``."""
    if rule == 'stem' and video_id_from_path(one, 'path') != video_id_from_path(other, 'path'):
        return (
            'rename one of the files, or extract into a new store with '
            "test_dataloader.dataset.video_id='path', which "
            'names videos by their paths'
        )
    return 'rename one of the files or remove its line'
