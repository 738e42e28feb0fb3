"""What a target store says about itself (``manifest.json``) and how a video is named in it."""

from __future__ import annotations

import dataclasses
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from egoexo_mm.interaction_maps import KINDS
from egoexo_mm.untrusted import quote, quote_names
from egoexo_mm.untrusted.json_text import parse_json

from .errors import TargetStoreError

SCHEMA_VERSION = 2  # the newest; what needs nothing of it is written as version 1
MANIFEST_NAME = 'manifest.json'

# Signal of Ego-Exo -> usual number of scores; None for the signal that has boxes instead.
_NUM_SCORES = {'ego_score': 2, 'object_score': 1000, 'interaction': None}
EMBEDDING = 'embedding'
_SCORE_KINDS = ('logits', 'probabilities')
_OPEN_KINDS = (*_SCORE_KINDS, 'scores', EMBEDDING)  # of signals with a name of their own
_ID_RULES = ('stem', 'path')
_VERSION_2 = ('row', 'kinds', 'classes', 'prompts')  # fields that make a store of version 2
_LATER = ('classes', 'prompts')  # stores of version 1 that have them are read as well
_NAME = re.compile(r'[a-z][a-z0-9_]{0,63}')
_SETTING = re.compile(r'([a-z]\w*) = (.*)', re.DOTALL)
_MAX_KINDS = 128  # kinds of boxes are stored as int8


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


def _setting_text(value: Any) -> str:
    if isinstance(value, (list, tuple)):
        return ', '.join(map(_setting_text, value))
    # 1 and 1.0 are one setting.
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return f'{value:g}' if is_number else str(value)


def _split_notes(notes: Any) -> tuple[str | None, dict[str, str]]:
    """Notes without settings, and the settings."""
    parts = str(notes or '').split('; ')
    settings = dict(match.groups() for match in map(_SETTING.fullmatch, parts) if match)
    return '; '.join(part for part in parts if not _SETTING.fullmatch(part)) or None, settings


@dataclasses.dataclass(frozen=True)
class Manifest:
    """Description of one store: which teacher, which data set, which numbers.

    Args:
        signal: ``'ego_score'``, ``'object_score'`` or ``'interaction'``, or a name of your own:
            with ``score_kind`` and ``num_scores`` for scores or an embedding, with ``kinds`` for
            boxes.
        dataset: Free name of the data set, for example ``'k400'``.
        teacher: Free name of the model that made the targets.
        weights_sha256: SHA-256 of its checkpoint file, where known.
        score_kind: ``'logits'`` or ``'probabilities'``; of a signal of your own also ``'scores'``
            (numbers that are neither) or ``'embedding'``. Boxes have none.
        num_scores: Scores per row, or width of the embedding; by default 2 for ``ego_score`` and
            1000 for ``object_score``.
        video_id: Rule that turns a path into an id, see :func:`video_id_from_path`.
        frame_size: ``(width, height)`` in pixels the teacher saw, when it was one size for all.
        fps: Frame rate the teacher saw, when it was one for all.
        notes: Anything a reader should know, and settings of the teacher, see
            :meth:`with_settings`.
        row: ``'segment'`` if a row is a time span of a video, which scores can be; None: a video.
        kinds: Names of the kinds of boxes, in the order of the channels of their maps;
            ``interaction`` has hand and object.
        classes: Names of the scores, where they have some.
        prompts: What a teacher compared frames with: templates with ``{}`` in place of a name, or
            the prompts of each score.
        schema_version: Version of the file format; by default the lowest that has all of this.
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
    row: str | None = None
    kinds: tuple[str, ...] | None = None
    classes: tuple[str, ...] | None = None
    prompts: tuple[str, ...] | tuple[tuple[str, ...], ...] | None = None
    schema_version: int | None = None

    def __post_init__(self) -> None:
        for name in ('frame_size', 'kinds'):  # JSON has no tuples
            if isinstance(getattr(self, name), list):
                object.__setattr__(self, name, tuple(getattr(self, name)))
        self._check_signal()
        for name in ('dataset', 'teacher'):
            if not isinstance(getattr(self, name), str):
                raise TargetStoreError(f'{name} is {quote(getattr(self, name))}: expected a string')
        self._check_choice('video_id', _ID_RULES)
        self._check_choice('row', (None, 'segment'))
        if self.frame_size is not None and (
            not isinstance(self.frame_size, tuple)
            or len(self.frame_size) != 2
            or not all(isinstance(side, int) and side > 0 for side in self.frame_size)
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
        else:
            self._check_boxes()
        self._check_words()
        self._set_version()

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

    def _check_choice(self, name: str, choices: tuple[str | None, ...]) -> None:
        value = getattr(self, name)
        if value not in choices:
            raise TargetStoreError(f'{name} is {quote(value)}: expected one of {choices}')

    def _check_signal(self) -> None:
        if isinstance(self.signal, str) and self.signal in _NUM_SCORES:
            return
        named = isinstance(self.signal, str) and _NAME.fullmatch(self.signal)
        if self.schema_version == 1 or not named or (self.num_scores, self.kinds) == (None, None):
            raise TargetStoreError(
                f'signal is {quote(self.signal)}: expected one of {tuple(_NUM_SCORES)}, or in '
                'schema version 2 another name in small letters, digits and _, with score_kind and '
                'num_scores for scores and embeddings or with kinds for boxes'
            )

    def _check_scores(self) -> None:
        own = self.signal not in _NUM_SCORES
        self._check_choice('score_kind', _OPEN_KINDS if own else _SCORE_KINDS)
        if self.num_scores is None:
            object.__setattr__(self, 'num_scores', _NUM_SCORES[self.signal])
        if type(self.num_scores) is not int or not 1 <= self.num_scores < 2**31:
            raise TargetStoreError(
                f'num_scores is {quote(self.num_scores)}: expected a positive integer'
            )

    def _check_boxes(self) -> None:
        if self.score_kind is not None or self.num_scores is not None:
            raise TargetStoreError(
                f'score_kind and num_scores are set for signal {quote(self.signal)}, which holds '
                'boxes: leave them out'
            )
        if self.row is not None:
            raise TargetStoreError(
                f'row is {quote(self.row)} for signal {quote(self.signal)}, whose boxes are on '
                'frames of a video: leave it out'
            )
        if self.kinds is None:
            return
        if self.signal == 'interaction':
            raise TargetStoreError(
                f"kinds is {quote(self.kinds)}, but signal 'interaction' has the kinds {KINDS}; "
                'leave kinds out, or give the signal another name'
            )
        if not isinstance(self.kinds, tuple) or not all(
            isinstance(name, str) for name in self.kinds
        ):
            raise TargetStoreError(f'kinds is {quote(self.kinds)}: expected a list of names')
        odd = [name for name in self.kinds if not _NAME.fullmatch(name)]
        distinct = len(set(self.kinds)) == len(self.kinds)
        if odd or not distinct or not 1 <= len(self.kinds) <= _MAX_KINDS:
            raise TargetStoreError(
                f'kinds is {quote(self.kinds)}: expected up to {_MAX_KINDS} different names in '
                'small letters, digits and _'
            )

    def _set_version(self) -> None:
        new = [name for name in _VERSION_2 if getattr(self, name) is not None]
        lowest = 2 if new or self.signal not in _NUM_SCORES else 1
        if self.schema_version is None:
            object.__setattr__(self, 'schema_version', lowest)
        elif self.schema_version < lowest and (needed := [x for x in new if x not in _LATER]):
            raise TargetStoreError(
                f'schema_version is {quote(self.schema_version)}, but {", ".join(needed)} is of '
                f'version {lowest}; write schema_version {lowest}'
            )

    @property
    def kind(self) -> str:
        """``'scores'`` or ``'detections'``: which columns the store has."""
        boxes = self.signal == 'interaction' or self.kinds is not None
        return 'detections' if boxes else 'scores'

    @property
    def target(self) -> str:
        """Name of the targets in training: that of the signal, of boxes with ``_map`` behind."""
        return f'{self.signal}_map' if self.kind == 'detections' else self.signal

    @property
    def box_kinds(self) -> tuple[str, ...]:
        """Names of the kinds of boxes."""
        return KINDS if self.kinds is None else self.kinds

    @property
    def has_segments(self) -> bool:
        """Whether a row is a time span of a video."""
        return self.row == 'segment'

    @property
    def rows(self) -> str:
        """How messages call the rows."""
        return 'segments' if self.has_segments else 'videos'

    @property
    def settings(self) -> dict[str, str]:
        """Settings of the teacher that the notes name; none in stores of earlier releases."""
        return _split_notes(self.notes)[1]

    def with_settings(self, settings: Mapping[str, Any]) -> Manifest:
        """The same with settings in its notes: ``'frames: every frame; reach = 0.25'``."""
        parts = [f'{name} = {_setting_text(value)}' for name, value in settings.items()]
        notes = '; '.join(filter(None, [self.notes, *parts])) or None
        return dataclasses.replace(self, notes=notes)

    def differences(self, other: Manifest) -> list[str]:
        """``'<field> is <ours>, not <theirs>'`` for each field that is not equal.

        The version of the format does not count: equal targets have equal columns in both. Settings
        in the notes count where both name them, since stores of earlier releases name none.
        """
        ours, theirs = dataclasses.asdict(self), dataclasses.asdict(other)
        ours['notes'], mine = _split_notes(self.notes)
        theirs['notes'], others = _split_notes(other.notes)
        pairs = [(name, ours[name], theirs[name]) for name in ours if name != 'schema_version']
        pairs += [(name, mine[name], others[name]) for name in mine if name in others]
        return [f'{name} is {quote(a)}, not {quote(b)}' for name, a, b in pairs if a != b]

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
    if version not in (1, SCHEMA_VERSION):
        raise TargetStoreError(
            f'{path}: schema version {quote(version)}, but this egoexo_mm reads versions 1 and '
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
