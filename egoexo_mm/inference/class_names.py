"""Names of a head's classes: from the user, the config or the checkpoint."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any, Optional, Union

from mmengine.config import Config

from egoexo_mm.evaluation.class_lists import Source, read_class_names

# part of a head ('label', or 'verb' and 'noun') -> class id -> name
Names = dict[str, Optional[dict[int, str]]]
# where data sets and checkpoints have names -> where metrics have them
_METRIC_NAMES = dict(classes='class_names', verb_classes='verb_names', noun_classes='noun_names')
Classes = Union[Source, Mapping[str, Source], None]


def find_names(
    counts: Mapping[str, int], classes: Classes, cfg: Config, meta: Mapping[str, Any]
) -> Names:
    """Names of the classes of every part of a head; None for a part that nobody names.

    Args:
        counts: Part -> number of its classes.
        classes: Of the user: names in the order of the ids, a text or CSV file of them, or for
            verb and noun ``dict(verb=..., noun=...)`` of such.
        cfg: Its data sets may have ``metainfo`` with ``classes`` (``verb_classes`` and
            ``noun_classes``), Ego-Exo4D's a ``label_mapping``.
        meta: The same in a checkpoint that MMEngine wrote (``dataset_meta``).

    Raises:
        ValueError: The user's names cannot be read, or are not those of the classes of the head.
    """
    if classes is not None:
        given = classes if isinstance(classes, Mapping) else dict.fromkeys([*counts][:1], classes)
        if unknown := sorted(set(given) - set(counts)):
            raise ValueError(
                f'names of {", ".join(unknown)} were given, but the head has classes of '
                f'{", ".join(counts) or "nothing"}'
            )
        return {part: _checked(part, count, given.get(part)) for part, count in counts.items()}
    found: Names = {}
    for part, count in counts.items():
        key = 'classes' if part == 'label' else f'{part}_classes'
        names = (_read(source) for source in _told(key, cfg, meta))
        found[part] = next((one for one in names if one and max(one) < count), None)
    return found


def _checked(part: str, count: int, source: Source | None) -> dict[int, str] | None:
    names = read_class_names(source)
    if names is not None and (not names or max(names) >= count or len(names) < count):
        where = source if isinstance(source, (str, os.PathLike)) else 'classes'
        raise ValueError(
            f'{where}: names {len(names)} classes up to number {max(names, default=-1)}, but the '
            f'model has {count} of {part}; give a name for each, in a text file a line each'
        )
    return names


def _told(key: str, cfg: Config, meta: Mapping[str, Any]) -> list[Source]:
    """What config and checkpoint have under a key."""
    found = []
    for loader in ('test_dataloader', 'val_dataloader', 'train_dataloader'):
        dataset = (cfg.get(loader) or {}).get('dataset') or {}
        metainfo = dataset.get('metainfo') or {}
        found.append(metainfo.get(key) if isinstance(metainfo, Mapping) else None)
        if key == 'classes':
            found.append(dataset.get('label_mapping'))
    evaluators = cfg.get('test_evaluator') or {}
    for metric in evaluators if isinstance(evaluators, (list, tuple)) else [evaluators]:
        found.append(metric.get(_METRIC_NAMES[key]))
    known = meta.get('dataset_meta') or {}
    found += [known.get(key), known.get(key.upper())]
    return [source for source in found if source]


def _read(source: Source) -> dict[int, str] | None:
    try:
        return read_class_names(source)
    except (ValueError, OSError):  # a file that the config names need not exist to predict
        return None


def name_of(names: Names, part: str, number: int) -> str:
    """Name of a class, or its number in words."""
    named = names.get(part) or {}
    return named.get(number, f'{"class" if part == "label" else part} {number}')


def as_classes(files: Sequence[str], parts: Sequence[str]) -> Classes:
    """``--classes FILE ...``: a file for each part of the head.

    Raises:
        ValueError: There are more files than parts.
    """
    if len(files) > len(parts):
        raise ValueError(
            f'--classes has {len(files)} files, but the model has classes of '
            f'{" and ".join(parts) or "nothing"}; give a file for each, in this order'
        )
    return dict(zip(parts, files)) or None
