"""Small media and annotations in the true on-disk layouts of the egocentric data sets."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import cv2
import numpy as np

from egoexo_mm.targets import HAND, OBJECT, Manifest, StoreWriter
from tests.media import noise_video


def write_frames(folder: Path, template: str, count: int, seed: int) -> None:
    """JPGs numbered from 1: a moving gradient."""
    folder.mkdir(parents=True, exist_ok=True)
    y, x = np.mgrid[:48, :64]
    for number in range(1, count + 1):
        frame = np.stack(
            [
                (x * (seed + 2) + 5 * number) % 256,
                (y * 4 + seed * 40) % 256,
                (x + y + number) % 256,
            ],
            -1,
        )
        cv2.imwrite(str(folder / template.format(number)), frame.astype(np.uint8))


def write_rows(path: Path, rows: list[dict]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, 'w', newline='') as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)


def write_boxes(store: Path, lengths: dict[str, int]) -> None:
    """A hand and an object on every frame of each video."""
    with StoreWriter(
        store, Manifest(signal='interaction', dataset='test', teacher='made up')
    ) as writer:
        for video_id, count in lengths.items():
            frame = np.repeat(np.arange(count), 2)
            box = np.tile([[0.1, 0.1, 0.4, 0.5], [0.5, 0.4, 0.9, 0.9]], (count, 1))
            writer.add_detections(
                video_id,
                frame=frame,
                box=box,
                score=np.full(len(frame), 0.75),
                kind=np.tile([HAND, OBJECT], count),
                num_frames=count,
            )


def charades_ego(root: Path) -> dict:
    """The reference's frame list: three videos, several labels each."""
    lines = ['original_vido_id video_id frame_id path labels']
    lengths = {'AAAAAEGO': 40, 'BBBBBEGO': 25, 'CCCCCEGO': 9}
    for i, (name, count) in enumerate(lengths.items()):
        write_frames(root / 'frames' / name, name + '-{:06}.jpg', count, seed=i)
        for frame in range(count):
            labels = ','.join(str(c) for c in (3 * i, 7) if frame % 2 or c == 7)
            lines.append(f'{name} {i} {frame} {name}/{name}-{frame + 1:06}.jpg "{labels}"')
    (root / 'list.csv').write_text('\n'.join(lines) + '\n')
    write_boxes(root / 'boxes', lengths)
    return dict(ann_file=str(root / 'list.csv'), data_prefix=dict(img=str(root / 'frames')))


def _epic_rows(
    participant: str, video: str, spans: list[tuple[int, int]], fps: float = 50
) -> list[dict]:
    def stamp(frame):
        seconds = (frame - 1) / fps
        return f'00:00:{seconds:05.2f}'

    return [
        dict(
            participant_id=participant,
            video_id=video,
            start_timestamp=stamp(start),
            stop_timestamp=stamp(stop),
            start_frame=start,
            stop_frame=stop,
            verb='take',
            verb_class=i % 3,
            noun='cup',
            noun_class=5 - i,
            all_nouns="['cup']",
            all_noun_classes=f'[{5 - i}]',
        )
        for i, (start, stop) in enumerate(spans)
    ]


def epic100(root: Path) -> dict:
    """Three segments of one video of extracted frames."""
    write_frames(root / 'P01' / 'rgb_frames' / 'P01_101', 'frame_{:010}.jpg', 60, seed=1)
    rows = _epic_rows('P01', 'P01_101', [(1, 40), (20, 30), (50, 60)])
    write_rows(
        root / 'list.csv',
        [
            dict(narration_id=f'P01_101_{i}', narration='take cup', **row)
            for i, row in enumerate(rows)
        ],
    )
    for kind in ('verb', 'noun'):
        write_rows(root / f'tail_{kind}s.csv', [{kind: 5}, {kind: 1}])
    write_boxes(root / 'boxes', {'P01_101': 60})
    return dict(ann_file=str(root / 'list.csv'), data_prefix=dict(img=str(root)))


def epic55(root: Path) -> dict:
    """The same as EPIC-55 has it."""
    write_frames(root / 'P01_01', 'frame_{:010}.jpg', 60, seed=1)
    rows = _epic_rows('P01', 'P01_01', [(1, 40), (20, 30), (50, 60)])
    write_rows(
        root / 'list.csv', [dict(uid=i, narration='take cup', **row) for i, row in enumerate(rows)]
    )
    write_boxes(root / 'boxes', {'P01_01': 60})
    return dict(ann_file=str(root / 'list.csv'), data_prefix=dict(img=str(root)))


def ego4d(root: Path) -> dict:
    """Three actions in two clip videos."""
    noise_video(root / 'clip-a.mp4', seed=0, num_frames=60)
    noise_video(root / 'clip-b.mp4', seed=1, num_frames=45)
    clips = [
        dict(
            clip_uid=uid,
            video_uid='v',
            action_idx=i,
            action_clip_start_sec=start,
            action_clip_end_sec=start + 1.0,
            verb='take',
            noun='cup',
            verb_label=i,
            noun_label=2 * i,
        )
        for i, (uid, start) in enumerate((('clip-a', 0.0), ('clip-a', 0.8), ('clip-b', 0.4)))
    ]
    (root / 'fho.json').write_text(json.dumps(dict(version='v2', split='train', clips=clips)))
    return dict(ann_file=str(root / 'fho.json'), data_prefix=dict(video=str(root)))


def egoexo4d_keystep(root: Path) -> dict:
    """Three cut clips of the first-person camera."""
    segments = []
    for i in range(3):
        names = [
            f'train/take_{i}/start0.5_end2.0_{camera}.mp4' for camera in ('aria02_214-1', 'cam01')
        ]
        noise_video(root / 'clips' / names[0], seed=i, num_frames=45)
        segments.append(
            dict(
                segment_name_list=names,
                ego_segment_name=names[0],
                take_uid=f'uid-{i}',
                take_name=f'take_{i}',
                start_time=0.5,
                end_time=2.0,
                step_unique_id=10 + i,
                label_id=i,
                step_name=f'step {i}',
            )
        )
    (root / 'segments.json').write_text(json.dumps(dict(segments=segments)))
    write_rows(
        root / 'label_mapping.csv',
        [
            dict(label_id=i, step_unique_id=10 + i, step_name=f'step {i}', scenario_name='made up')
            for i in range(278)
        ],
    )
    return dict(
        ann_file=str(root / 'segments.json'),
        data_prefix=dict(video=str(root / 'clips')),
        label_mapping=str(root / 'label_mapping.csv'),
    )
