"""Small stores for the tests of what reads them, and ways to damage one."""

import json

import numpy as np
import pyarrow as pa

from egoexo_mm.targets import HAND, OBJECT, Manifest, StoreWriter
from egoexo_mm.targets.store.records import arrow_schema
from egoexo_mm.targets.store.shards import write_shard

EGO = Manifest(signal='ego_score', dataset='toy', teacher='t', score_kind='logits')
PROBS = Manifest(
    signal='object_score', dataset='toy', teacher='t', score_kind='probabilities', num_scores=4
)
BOXES = Manifest(signal='interaction', dataset='toy', teacher='t')


def ego_store(path, videos, manifest=EGO, rows_per_shard=2):
    """Video ``v<i>`` has the scores (i, -i / 2) and 10 + i frames."""
    with StoreWriter(path, manifest, rows_per_shard) as writer:
        for i in videos:
            writer.add_scores(
                f'v{i}', [i, -i / 2], num_frames=10 + i, fps=25, width=340, height=256
            )
    return path


def box_store(path, rows_per_shard=2):
    """3 boxes on frames 4, 4, 8 of 11 at stride 4; none on 6 frames; one at unknown length."""
    with StoreWriter(path, BOXES, rows_per_shard) as writer:
        writer.add_detections(
            'v',
            frame=[8, 4, 4],
            box=[[0.5, 0.5, 0.75, 1], [0, 0.25, 0.5, 0.75], [0.125, 0, 0.25, 0.5]],
            score=[0.5, 0.25, 1],
            kind=[OBJECT, HAND, OBJECT],
            side=[-1, 1, -1],
            contact=[-1, 3, -1],
            offset=[[np.nan] * 2, [0.5, -0.25], [np.nan] * 2],
            num_frames=11,
            fps=30,
            width=340,
            height=256,
            frame_stride=4,
        )
        writer.add_detections('none', frame=[], box=[], score=[], kind=[], num_frames=6)
        writer.add_detections('open', frame=[7], box=[[0, 0, 1, 1]], score=[0.25], kind=[HAND])
    return path


def raw_store(path, manifest, *shards):
    """A store with rows that no writer accepts; a shard is a list of changes to a good row."""
    path.mkdir(exist_ok=True)
    (path / 'manifest.json').write_text(manifest.to_json())
    row = dict(num_frames=9, fps=25.0, width=340, height=256, frame_stride=1)
    if manifest.kind == 'scores':
        row['score'] = np.full(manifest.num_scores, 1 / manifest.num_scores, np.float16)
    else:
        row.update(
            frame=np.int32([3, 5]),
            box=np.float32([[0, 0, 1, 1]] * 2),
            score=np.float16([1, 1]),
            kind=np.int8([0, 1]),
            side=np.int8([-1, -1]),
            contact=np.int8([-1, -1]),
            offset=np.full((2, 2), np.nan, np.float16),
        )
    for number, changes in enumerate(shards):
        with open(path / f'shard-{number}.arrow', 'wb') as file:
            write_shard(file, [{**row, **change} for change in changes], arrow_schema(manifest))
    return path


def fail(path, *video_ids):
    with open(path / 'failed.jsonl', 'a') as file:
        file.writelines(
            json.dumps(dict(video_id=video_id, reason='broken')) + '\n' for video_id in video_ids
        )


def swap_offsets(shard):
    """Give the second video of a shard of scores a name that ends before it begins."""
    with pa.ipc.open_file(shard) as reader:
        offsets = reader.get_batch(0).column('video_id').buffers()[1].to_pybytes()
    data = bytearray(shard.read_bytes())
    where = data.index(offsets)
    assert data.count(offsets) == 1
    data[where + 4 : where + 8] = np.int32(99).tobytes()
    shard.write_bytes(data)
