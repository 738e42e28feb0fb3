"""Lists, tables and ground-truth stores of a world whose items are rendered."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from egoexo_mm.atomic_files import whole_file
from egoexo_mm.targets import Manifest, StoreWriter

from .cameras import HEIGHT, WIDTH
from .clips import FPS, NUM_FRAMES
from .items import truth_file
from .motions import VERBS
from .objects import NOUNS
from .plan import CHARADES, EPIC, HANDS, KINETICS, SEGMENTS, SPLITS, Item

EPIC_FILES = dict(train='train', val='validation', test='test')  # in the names of the tables


def pair_label(item: Item) -> int:
    """Class of a pair of verb and noun."""
    return item.verb * len(NOUNS) + item.noun


def write_lists(root: Path, part: str, items: list[Item]) -> None:
    """The annotation files of a part, and the store of its ground truth."""
    by_split = {split: [item for item in items if item.split == split] for split in SPLITS}
    for split, members in by_split.items():
        if members and part in _LISTS:
            _LISTS[part](root / part, split, members)
    if part == CHARADES:
        _write_text(
            root / part / 'Charades_v1_classes.txt',
            [f'c{i:03d} {name}' for i, name in enumerate(pair_names())],
        )
    if part == EPIC:
        for kind, names in (('verb', VERBS), ('noun', NOUNS)):
            rows = [dict(id=number, key=name) for number, name in enumerate(names)]
            write_table(root / part / f'EPIC_100_{kind}_classes.csv', rows)
    if part in (KINETICS, CHARADES, EPIC):
        write_store(root, part, items)


def write_store(root: Path, part: str, items: list[Item]) -> None:
    """Ground truth as a target store; one that is begun is completed."""
    manifest = Manifest(
        signal='interaction',
        dataset=f'miniworld {part}',
        teacher='ground truth',
        frame_size=(WIDTH, HEIGHT),
        fps=FPS,
    )
    with StoreWriter(root / 'truth' / part, manifest) as writer:
        for video, members in _videos(part, items).items():
            if video in writer.done:
                continue
            columns = [
                _read_truth(root, item, name, NUM_FRAMES * number)
                for number, (item, name) in enumerate(members)
            ]
            merged = {
                name: np.concatenate([column[name] for column in columns]) for name in columns[0]
            }
            writer.add_detections(
                video,
                **merged,
                num_frames=NUM_FRAMES * len(members),
                fps=FPS,
                width=WIDTH,
                height=HEIGHT,
            )


def _videos(part: str, items: list[Item]) -> dict[str, list[tuple[Item, str]]]:
    """Video id -> the clips that it is made of, in order."""
    videos: dict[str, list[tuple[Item, str]]] = {}
    for item in items:
        for name in (item.name, item.name + 'EGO')[: 1 + (part == CHARADES)]:
            videos.setdefault(item.video if part == EPIC else name, []).append((item, name))
    return videos


def _read_truth(root: Path, item: Item, name: str, first_frame: int) -> dict[str, np.ndarray]:
    with np.load(truth_file(root, item, name)) as file:
        columns = dict(file)
    return dict(columns, frame=columns['frame'] + first_frame)


def pair_names() -> list[str]:
    """Names of the pairs of verb and noun, by class."""
    return [f'{verb} {noun}' for verb in VERBS for noun in NOUNS]


def _kinetics(folder: Path, split: str, items: list[Item]) -> None:
    for suffix, label in (
        ('', pair_label),
        ('_verb', lambda item: item.verb),
        ('_noun', lambda item: item.noun),
    ):
        _write_text(
            folder / f'{split}{suffix}.txt', [f'{item.name}.mp4 {label(item)}' for item in items]
        )


def _charades_ego(folder: Path, split: str, items: list[Item]) -> None:
    seconds = NUM_FRAMES / FPS
    rows = []
    for item in items:
        shared = dict(
            subject=item.name,
            scene='Kitchen',
            quality='',
            relevance='',
            verified='Yes',
            script=f'{VERBS[item.verb]} the {NOUNS[item.noun]}',
            objects=NOUNS[item.noun],
            descriptions='',
            actions=f'c{pair_label(item):03d} 0.00 {seconds:.2f}',
            length=f'{seconds:.2f}',
        )
        rows.append(dict(id=item.name, **shared, egocentric='No', charades_video=item.name))
        rows.append(
            dict(id=item.name + 'EGO', **shared, egocentric='Yes', charades_video=item.name)
        )
    write_table(folder / f'CharadesEgo_v1_{split}.csv', rows)


def _epic(folder: Path, split: str, items: list[Item]) -> None:
    rows = []
    for item in items:
        first, last = (
            1 + NUM_FRAMES * (item.number % SEGMENTS),
            NUM_FRAMES * (1 + item.number % SEGMENTS),
        )
        verb, noun = VERBS[item.verb], NOUNS[item.noun]
        rows.append(
            dict(
                narration_id=item.name,
                participant_id=item.participant,
                video_id=item.video,
                narration_timestamp=_clock(first - 1),
                start_timestamp=_clock(first - 1),
                stop_timestamp=_clock(last),
                start_frame=first,
                stop_frame=last,
                narration=f'{verb} {noun}',
                verb=verb,
                verb_class=item.verb,
                noun=noun,
                noun_class=item.noun,
                all_nouns=f"['{noun}']",
                all_noun_classes=f'[{item.noun}]',
            )
        )
    write_table(folder / f'EPIC_100_{EPIC_FILES[split]}.csv', rows)


def _hand_object(folder: Path, split: str, items: list[Item]) -> None:
    _write_text(folder / 'ImageSets' / 'Main' / f'{split}.txt', [item.name for item in items])


_LISTS = {KINETICS: _kinetics, CHARADES: _charades_ego, EPIC: _epic, HANDS: _hand_object}


def _clock(frame: int) -> str:
    minutes, seconds = divmod(frame / FPS, 60)
    return f'00:{int(minutes):02d}:{seconds:05.2f}'


def _write_text(path: Path, lines: Iterable[str]) -> None:
    with whole_file(path) as temporary:
        Path(temporary).write_text('\n'.join(lines) + '\n', encoding='utf-8')


def write_table(path: Path, rows: list[dict]) -> None:
    """A csv that readers see complete or not at all."""
    with whole_file(path) as temporary, open(temporary, 'w', newline='', encoding='utf-8') as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def write_json(path: Path, content: dict) -> None:
    """A JSON file that readers see complete or not at all."""
    _write_text(path, [json.dumps(content, indent=1)])
