"""Target stores of 1,000 to 240,000 videos against a pickle and a file per video; of segments."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measuring
import numpy as np
import pyarrow as pa

from egoexo_mm.interaction_maps import slow_frame_index
from egoexo_mm.targets import Manifest, TargetStore
from egoexo_mm.targets.store.records import DETECTION_FIELDS, arrow_schema
from egoexo_mm.targets.store.shards import shard_paths

FRAMES, PER_FRAME = 300, 2
# from here on boxes on every fourth frame, so that the largest store (1.1 GB) fits small machines
LARGE = 100_000
ROWS = 4096  # of a shard
READS = 400
EGO = Manifest(signal='ego_score', dataset='random', teacher='random', score_kind='logits')
SEGMENTS = Manifest(
    signal='step',
    dataset='random',
    teacher='random',
    score_kind='logits',
    num_scores=2,
    row='segment',
)
PER_VIDEO, SECONDS = 20, 5.0  # segments of a video, and how long one is
BOXES = Manifest(signal='interaction', dataset='random', teacher='random')


def make_store(folder: Path, manifest: Manifest, videos: int, stride: int = 1) -> None:
    """Shards with equal rows under their own ids, written without the writer's checks."""
    folder.mkdir()
    (folder / 'manifest.json').write_text(manifest.to_json())
    schema, rng = arrow_schema(manifest), np.random.default_rng(0)
    columns = _columns(min(ROWS, videos), manifest, stride, rng)
    for start in range(0, videos, ROWS):
        numbers = np.arange(start, min(start + ROWS, videos))
        ids, spans = numbers, []
        if manifest.has_segments:
            ids, begin = numbers // PER_VIDEO, numbers % PER_VIDEO * SECONDS
            spans = [pa.array(begin), pa.array(begin + SECONDS)]
        ids = pa.array([f'video{i:08d}' for i in ids])
        batch = pa.RecordBatch.from_arrays(
            [ids, *spans, *(column[: len(ids)] for column in columns)], schema=schema
        )
        with pa.ipc.new_file(str(folder / f'shard-{start:08d}.arrow'), schema) as sink:
            sink.write_batch(batch)


def _columns(
    rows: int, manifest: Manifest, stride: int, rng: np.random.Generator
) -> list[pa.Array]:
    fixed = [
        pa.array(np.full(rows, value, kind))
        for value, kind in (
            (FRAMES, np.int32),
            (30.0, np.float64),
            (340, np.int32),
            (256, np.int32),
            (stride, np.int32),
        )
    ]
    if manifest.kind == 'scores':
        scores = rng.normal(size=rows * manifest.num_scores).astype(np.float16)
        return [*fixed, pa.FixedSizeListArray.from_arrays(pa.array(scores), manifest.num_scores)]
    frame = np.tile(np.repeat(np.arange(0, FRAMES, stride), PER_FRAME), rows)
    corner = rng.uniform(0, 0.6, (len(frame), 2))
    values = dict(
        frame=frame,
        box=np.hstack([corner, corner + 0.3]),
        score=rng.uniform(0, 1, len(frame)),
        kind=rng.integers(0, 2, len(frame)),
        side=np.full(len(frame), -1),
        contact=np.full(len(frame), -1),
        offset=np.full((len(frame), 2), np.nan),
    )
    offsets = pa.array((np.arange(rows + 1) * (len(frame) // rows)).astype(np.int32))
    out = []
    for name, (kind, width) in DETECTION_FIELDS.items():
        flat = pa.array(values[name].astype(kind).reshape(-1))
        out.append(
            pa.ListArray.from_arrays(
                offsets, flat if width == 1 else pa.FixedSizeListArray.from_arrays(flat, width)
            )
        )
    return fixed + out


def probe(path: Path) -> dict[str, float]:
    """Open a store or pickle here: seconds, megabytes that it adds, and reads per second."""
    before, start = measuring.resident(), time.process_time()
    if path.is_dir():
        held = TargetStore(path)
        ids = held.video_ids
    else:
        with open(path, 'rb') as file:
            held = pickle.load(file)
        ids = list(held)
    opened = time.process_time() - start
    del ids[:-1]
    memory = measuring.resident() - before
    rng = np.random.default_rng(1)
    slow = slow_frame_index(32, 8).numpy() * 2
    clips = [
        (f'video{rng.integers(len(held)):08d}', slow + rng.integers(FRAMES - slow[-1]))
        for _ in range(READS)
    ]
    if not path.is_dir():

        def read() -> None:
            for video_id, _ in clips:
                held[video_id].astype(np.float32)
    elif held.manifest.kind == 'scores':

        def read() -> None:
            for video_id, _ in clips:
                held.scores(video_id)
    else:

        def read() -> None:
            for video_id, frames in clips:
                held.detections(video_id, frames, total_frames=FRAMES)

    first = measuring.seconds(read)  # pages of the file come in
    return dict(
        open=opened,
        memory=memory,
        total=measuring.resident(),
        first=READS / first,
        reads=READS / min(measuring.seconds(read) for _ in range(5)),
    )


def probe_segments(count: int) -> dict[str, float]:
    """A store of ``count`` segments: seconds to open it, megabytes, and microseconds of a read.

    Reads are timed in turn with those of a store of as many videos, which is opened after it.
    """
    with tempfile.TemporaryDirectory() as name:
        for kind, manifest in (('segments', SEGMENTS), ('videos', EGO)):
            make_store(Path(name, kind), manifest, count)
        before, start = measuring.resident(), time.process_time()
        segments = TargetStore(Path(name, 'segments'))
        opened, memory = time.process_time() - start, measuring.resident() - before
        videos = TargetStore(Path(name, 'videos'))
        rng = np.random.default_rng(1)
        begin = rng.uniform(0, PER_VIDEO * SECONDS - 2, 50 * READS).tolist()
        places = [
            (f'video{i:08d}', (at, at + 2))
            for i, at in zip(rng.integers(count // PER_VIDEO, size=50 * READS), begin)
        ]
        ids = [f'video{i:08d}' for i in rng.integers(count, size=50 * READS)]

        def read() -> None:
            for video_id, span in places:
                segments.scores(video_id, span)

        def read_videos() -> None:
            for video_id in ids:
                videos.scores(video_id)

        turns = [(measuring.seconds(read), measuring.seconds(read_videos)) for _ in range(5)]
    ours, theirs = (1e6 * min(column) / (50 * READS) for column in zip(*turns))
    return dict(rows=len(segments), open=opened, memory=memory, read=ours, read_of_videos=theirs)


def write_files(folder: Path, store: TargetStore) -> None:
    """A file per video: an object array (frame, [objects, hands]) of corners and scores."""
    folder.mkdir()
    for video_id in store.video_ids:
        found = store.detections(video_id, np.arange(FRAMES))
        pairs = np.empty((FRAMES, 2), object)
        rows = np.hstack([found.box, found.score[:, None]])
        for slot in range(FRAMES):
            for column, kind in enumerate((1, 0)):
                pairs[slot, column] = rows[(found.slot == slot) & (found.kind == kind)]
        np.save(folder / f'{video_id}.npy', pairs)


def file_reads(folder: Path) -> float:
    """Clips per second from the files."""
    names, rng = sorted(folder.iterdir()), np.random.default_rng(1)
    slow = slow_frame_index(32, 8).numpy() * 2

    def read() -> None:
        for _ in range(READS // 4):
            pairs = np.load(names[rng.integers(len(names))], allow_pickle=True)
            frames = slow + rng.integers(FRAMES - slow[-1])
            [np.concatenate(list(column)) for column in pairs[frames].T]

    read()
    return READS // 4 / min(measuring.seconds(read) for _ in range(5))


def run(options: measuring.Options) -> list[dict]:
    """Rows per kind and size; every store is opened in a process of its own."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for videos in (100, 300) if options.quick else (1000, 10_000, 240_000):
            for what, manifest in (('Ego-Score', EGO), ('boxes', BOXES)):
                folder = root / f'{what}{videos}'
                make_store(folder, manifest, videos, 4 if videos >= LARGE else 1)
                rows.append(
                    _row(
                        f'{what}, {videos} videos',
                        'store',
                        folder,
                        sum(path.stat().st_size for path in shard_paths(folder)) / videos,
                        not options.quick,
                    )
                )
            store = TargetStore(root / f'Ego-Score{videos}')
            with open(root / 'all.pkl', 'wb') as file:
                pickle.dump(
                    {
                        video_id: store.scores(video_id).astype(np.float16)
                        for video_id in store.video_ids
                    },
                    file,
                )
            rows.append(
                _row(
                    f'Ego-Score, {videos} videos',
                    'one pickle',
                    root / 'all.pkl',
                    (root / 'all.pkl').stat().st_size / videos,
                    not options.quick,
                )
            )
            if len(rows) == 3:
                write_files(root / 'npy', TargetStore(root / f'boxes{videos}'))
                sizes = [path.stat().st_size for path in (root / 'npy').iterdir()]
                rows.append(
                    {
                        'targets': f'boxes, {videos} videos',
                        'kept as': 'npy per video',
                        'clip reads/s': file_reads(root / 'npy'),
                        'bytes per video': round(np.mean(sizes)),
                    }
                )
    return rows


def _row(targets: str, kept: str, path: Path, size: float, alone: bool) -> dict:
    """One line of the table; ``alone`` in a process of its own, as memory figures need."""
    if alone:
        done = subprocess.run(
            [sys.executable, __file__, str(path)], check=True, capture_output=True, text=True
        )
        found = json.loads(done.stdout.splitlines()[-1])
    else:
        found = probe(path)
    return {
        'targets': targets,
        'kept as': kept,
        'open, s of CPU': round(found['open'], 3),
        'opening adds, MB': round(found['memory'], 1),
        'clip reads/s': found['reads'],
        'first reads/s': found['first'],
        'bytes per video': round(size),
    }


if __name__ == '__main__':
    found = (
        probe_segments(int(sys.argv[2]))
        if sys.argv[1] == '--segments'
        else probe(Path(sys.argv[1]))
    )
    print(json.dumps(found))
