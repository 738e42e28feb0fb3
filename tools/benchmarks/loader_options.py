"""Time of a training clip, and what three options would save; the prototypes are not shipped."""

from __future__ import annotations

import statistics
import tempfile
import time
from pathlib import Path

import loader
import measuring
import numpy as np

LENGTH, STEP, SIZE = 32, 2, 224


def read(path: Path, start: int, clips: int, rgb: bool) -> dict[str, float]:
    """CPU seconds to index packets, to decode, and to cut ``clips`` clips 8 frames apart."""
    import av
    from av.video.reformatter import VideoReformatter

    from egoexo_mm.video.pictures import to_rgb

    spent, last = {}, time.process_time()

    def lap(name: str) -> None:
        nonlocal last
        now = time.process_time()
        spent[name], last = spent.get(name, 0) + now - last, now

    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        stream.codec_context.thread_count = 1
        times = sorted(packet.pts for packet in file.demux(stream) if packet.size)
        lap('index')
        wanted = {
            times[start + 8 * clip + STEP * i] for clip in range(clips) for i in range(LENGTH)
        }
        file.seek(min(wanted), stream=stream)
        found, convert, options = 0, VideoReformatter(), to_rgb()
        for packet in file.demux(stream):
            stream.codec_context.skip_frame = 'DEFAULT' if packet.pts in wanted else 'NONREF'
            for frame in packet.decode():
                if frame.pts in wanted:
                    lap('decode')
                    found += 1
                    if rgb:
                        convert.reformat(frame, **options).to_ndarray()
                    else:
                        np.concatenate([np.frombuffer(plane, np.uint8) for plane in frame.planes])
                    lap('frames to arrays')
            if found == len(wanted):
                break
        lap('decode')
    return spent


def run(options: measuring.Options) -> list[dict]:
    """Rows of milliseconds a clip; all sides take turns on the same clips."""
    sides = {
        'as shipped: one clip, RGB': (1, True),
        'YUV planes': (1, False),
        'two clips of one decoding': (2, True),
        'four clips of one decoding': (4, True),
    }
    spent = {side: [] for side in sides}
    with tempfile.TemporaryDirectory() as name:
        frames = 140 if options.quick else loader.FRAMES
        paths = (
            sorted(options.videos.iterdir())
            if options.videos
            else loader.make_videos(Path(name), 1 if options.quick else 3, frames)
        )
        starts = np.random.default_rng(0).integers(0, frames - 24 - STEP * LENGTH, options.rounds)
        for number, start in enumerate(starts):
            for side in list(sides)[:: -1 if number % 2 else 1]:
                spent[side] += [read(path, int(start), *sides[side]) for path in paths]
    rows = []
    for side, times in spent.items():
        clips = sides[side][0]
        means = {
            stage: statistics.mean(clip[stage] for clip in times) * 1e3 / clips
            for stage in ('index', 'decode', 'frames to arrays')
        }
        rows.append(
            {
                'reading': side,
                **{f'{stage}, ms': value for stage, value in means.items()},
                'clips/s of a core': 1e3 / sum(means.values()),
            }
        )
    for row in rows:
        row['times shipped'] = row['clips/s of a core'] / rows[0]['clips/s of a core']
    return rows
