"""What a target store says about itself (``manifest.json``) and how a video is named in it."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

from egoexo_mm.untrusted import quote, quote_names
from egoexo_mm.untrusted.json_text import parse_json

from .errors import TargetStoreError

SCHEMA_VERSION = 1
MANIFEST_NAME = 'manifest.json'

# Signal -> usual number of scores; None for the signal that has boxes instead.
_NUM_SCORES = {'ego_score': 2, 'object_score': 1000, 'interaction': None}
_SCORE_KINDS = ('logits', 'probabilities')
_ID_RULES = ('stem', 'path')


def video_id_from_path(path: str | Path, rule: str = 'stem') -> str:
    """Name of a video in a store, the same on every machine.

    Args:
        path: Path of the video, as an annotation list names it.
        rule: ``'stem'`` is the file name without folder and last extension (``x/a.b.mp4`` ->
            ``a.b``); ``'path'`` is the path as given without its last extension, with forward
            slashes, for data sets whose file names repeat.
    """
    if rule not in _ID_RULES:
        raise TargetStoreError(f'video id rule {rule!r} is unknown: use one of {_ID_RULES}')
    folder, slash, name = str(path).replace('\\', '/').rpartition('/')
    stem, dot, _ = name.rpartition('.')
    name = stem if dot and stem else name  # '.hidden' and 'name' have no extension
    if rule == 'stem':
        return name
    full = folder + slash + name
    while full.startswith('./'):
        full = full[2:]
    return full


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Description of one store: which teacher, which data set, which numbers.

    Args:
        signal: ``'ego_score'``, ``'object_score'`` or ``'interaction'``.
        dataset: Free name of the data set, for example ``'k400'``.
        teacher: Free name of the model that made the targets.
        weights_sha256: SHA-256 of its checkpoint file, where known.
        score_kind: ``'logits'`` or ``'probabilities'``; scores only.
        num_scores: Scores per video; by default 2 for ``ego_score`` and 1000 for ``object_score``.
        video_id: Rule that turns a path into an id, see :func:`video_id_from_path`.
        frame_size: ``(width, height)`` in pixels the teacher saw, when it was one size for all.
        fps: Frame rate the teacher saw, when it was one for all.
        notes: Anything a reader should know.
        classes: Names of the scores, where they have some.
        prompts: What a teacher compared frames with: templates with ``{}`` in place of a name, or
            the prompts of each score.
        schema_version: Version of the file format.
    """

    signal: str
    dataset: str
    teacher: str
    weights_sha256: str | None = None
    score_kind: str | None = None
    num_scores: int | None = None
    video_id: str = 'stem'
    frame_size: tuple[int, int] | None = None
    fps: float | None = None
    notes: str | None = None
    classes: tuple[str, ...] | None = None
    prompts: tuple[str, ...] | tuple[tuple[str, ...], ...] | None = None
    schema_version: int = SCHEMA_VERSION

    def __post_init__(self) -> None:
        self._check_choice('signal', tuple(_NUM_SCORES))
        for name in ('dataset', 'teacher'):
            if not isinstance(getattr(self, name), str):
                raise TargetStoreError(f'{name} is {quote(getattr(self, name))}: expected a string')
        self._check_choice('video_id', _ID_RULES)
        if self.frame_size is not None:  # JSON has no tuples
            object.__setattr__(self, 'frame_size', tuple(self.frame_size))
            if len(self.frame_size) != 2 or not all(
                isinstance(side, int) and side > 0 for side in self.frame_size
            ):
                raise TargetStoreError(
                    f'frame_size is {quote(self.frame_size)}: expected width and height in pixels'
                )
        if self.fps is not None and not (isinstance(self.fps, (int, float)) and 0 < self.fps < 1e6):
            raise TargetStoreError(
                f'fps is {quote(self.fps)}: expected a number of frames per second'
            )
        if self.kind == 'scores':
            self._check_scores()
        elif self.score_kind is not None or self.num_scores is not None:
            raise TargetStoreError(
                "score_kind and num_scores are set for signal 'interaction', which holds boxes: "
                'leave them out'
            )
        self._check_words()

    def _check_words(self) -> None:
        """Classes and prompts, as tuples."""
        for name in ('classes', 'prompts'):
            value = getattr(self, name)
            if value is None:
                continue
            if self.kind != 'scores' or not isinstance(value, (list, tuple)):
                raise TargetStoreError(
                    f'{name} is {quote(value)}: expected a list, in a store of scores'
                )
            parts = tuple(tuple(x) if isinstance(x, (list, tuple)) else x for x in value)
            object.__setattr__(self, name, parts)  # JSON has no tuples
        names = self.classes
        if names is not None and (
            len(names) != self.num_scores or not all(isinstance(name, str) for name in names)
        ):
            raise TargetStoreError(
                f'classes has {len(names)} entries for {self.num_scores} scores: expected one name '
                'for each'
            )
        for group in self.prompts or ():
            texts = group if isinstance(group, tuple) else (group,)
            if not all(isinstance(text, str) for text in texts):
                raise TargetStoreError(f'prompts has {quote(group)}: expected texts')

    def _check_choice(self, name: str, choices: tuple[str, ...]) -> None:
        value = getattr(self, name)
        if value not in choices:
            raise TargetStoreError(f'{name} is {quote(value)}: expected one of {choices}')

    def _check_scores(self) -> None:
        self._check_choice('score_kind', _SCORE_KINDS)
        if self.num_scores is None:
            object.__setattr__(self, 'num_scores', _NUM_SCORES[self.signal])
        if type(self.num_scores) is not int or not 1 <= self.num_scores < 2**31:
            raise TargetStoreError(
                f'num_scores is {quote(self.num_scores)}: expected a positive integer'
            )

    @property
    def kind(self) -> str:
        """``'scores'`` or ``'detections'``: which columns the store has."""
        return 'detections' if self.signal == 'interaction' else 'scores'

    def differences(self, other: Manifest) -> list[str]:
        """``'<field> is <ours>, not <theirs>'`` for each field that is not equal."""
        ours, theirs = dataclasses.asdict(self), dataclasses.asdict(other)
        return [
            f'{name} is {quote(ours[name])}, not {quote(theirs[name])}'
            for name in ours
            if ours[name] != theirs[name]
        ]

    def to_json(self) -> str:
        """Text of ``manifest.json``; fields that say nothing are left out."""
        fields = {k: v for k, v in dataclasses.asdict(self).items() if v is not None}
        return json.dumps(fields, indent=2) + '\n'


def read_manifest(folder: Path) -> Manifest:
    """Read ``manifest.json`` of a store.

    Raises:
        TargetStoreError: no folder, no manifest, not JSON, another schema version, a bad field.
    """
    path = folder / MANIFEST_NAME
    if not folder.is_dir():
        raise TargetStoreError(
            f'{folder}: no such target store folder; extract or convert the targets first, '
            'or correct the path'
        )
    try:
        fields = parse_json(path.read_bytes())
    except FileNotFoundError:
        raise TargetStoreError(
            f'{folder}: not a target store, it has no {MANIFEST_NAME}; give the folder that a '
            'store writer made'
        ) from None
    except ValueError as error:
        raise TargetStoreError(
            f'{path}: not valid JSON ({error}); restore the file or write the store again'
        ) from None
    return _manifest_from(fields, path)


def _manifest_from(fields: Any, path: Path) -> Manifest:
    if not isinstance(fields, dict):
        raise TargetStoreError(
            f'{path}: expected a JSON object, found {type(fields).__name__}; '
            'restore the file or write the store again'
        )
    version = fields.get('schema_version')
    if version != SCHEMA_VERSION:
        raise TargetStoreError(
            f'{path}: schema version {quote(version)}, but this egoexo_mm reads version '
            f'{SCHEMA_VERSION}; install the matching egoexo_mm or write the store again'
        )
    known = {field.name for field in dataclasses.fields(Manifest)}
    missing = {'signal', 'dataset', 'teacher'} - set(fields)
    for what, names in (('unknown', set(fields) - known), ('missing', missing)):
        if names:
            raise TargetStoreError(
                f'{path}: {what} field(s) [{quote_names(map(repr, sorted(names)))}]; '
                f'expected fields are {sorted(known)}'
            )
    try:
        return Manifest(**fields)
    except (TargetStoreError, TypeError) as error:
        raise TargetStoreError(f'{path}: {error}') from None
