"""Clips per second of the Kinetics training pipeline, by stage, reader and number of workers."""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
import time
from pathlib import Path

import cv2
import measuring
import numpy as np
import torch
from mmaction.registry import TRANSFORMS
from mmcv.transforms import Compose
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch.utils.data import DataLoader, Dataset

import egoexo_mm  # noqa: F401
from egoexo_mm.targets import Manifest, StoreWriter
from egoexo_mm.video import is_video, open_stream, write_mp4

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
FRAMES = 300  # 10 s at 30 fps
STAGES = dict(
    SeedAugmentations='sample',
    SampleTimeWindow='sample',
    DecordInit='open',
    ClipReaderInit='open',
    PyAVInit='open',
    OpenCVInit='open',
    TorchCodecInit='open',
    RawFrameDecode='decode',
    DecordDecode='decode',
    PyAVDecode='decode',
    OpenCVDecode='decode',
    TorchCodecDecode='decode',
    RandomRescale='resize',
    RandomCrop='crop',
    RandomRescaleCrop='resize',
    Flip='crop',
    TrackGeometry='targets',
    LoadTargets='targets',
    FormatShape='pack',
    PackActionInputs='pack',
)


def make_videos(
    folder: Path,
    count: int,
    frames: int = FRAMES,
    size: tuple[int, int] = (456, 256),
    seed: int = 0,
) -> list[Path]:
    """Panned and zoomed textures with noise, H.264 where PyAV is installed and MPEG-4 otherwise."""
    paths = []
    for number in range(count):
        rng = np.random.default_rng(seed + number)
        rough = rng.integers(0, 255, (48, 96, 3), np.uint8)
        scene = cv2.resize(rough, (size[0] * 2, size[1] * 2), interpolation=cv2.INTER_CUBIC)
        steps = np.clip(
            np.cumsum(rng.normal(0, 2, (frames, 2)), axis=0) + 60, 0, [size[0], size[1]]
        ).astype(int)
        pictures = (
            cv2.add(
                np.ascontiguousarray(scene[y : y + size[1], x : x + size[0]]),
                rng.integers(0, 12, (size[1], size[0], 3), np.uint8),
            )
            for x, y in steps
        )
        paths.append(folder / f'clip{number}.mp4')
        write_mp4(paths[-1], pictures, 30, 'h264' if importlib.util.find_spec('av') else 'mp4v')
    return paths


def make_stores(folder: Path, ids: list[str]) -> dict[str, str]:
    """Random targets of all three kinds: 2.5 boxes a frame."""
    rng = np.random.default_rng(0)
    for name, length in (('ego_score', 2), ('object_score', 1000)):
        manifest = Manifest(
            signal=name, dataset='random', teacher='random', score_kind='logits', num_scores=length
        )
        with StoreWriter(folder / name, manifest) as writer:
            for video_id in ids:
                writer.add_scores(video_id, rng.normal(size=length))
    manifest = Manifest(signal='interaction', dataset='random', teacher='random')
    with StoreWriter(folder / 'interaction_map', manifest) as writer:
        for video_id in ids:
            frame = np.repeat(np.arange(FRAMES), rng.poisson(2.5, FRAMES))
            corner = rng.uniform(0, 0.6, (len(frame), 2))
            writer.add_detections(
                video_id,
                frame=frame,
                box=np.hstack([corner, corner + 0.3]),
                num_frames=FRAMES,
                fps=30,
                score=rng.uniform(0, 1, len(frame)),
                kind=rng.integers(0, 2, len(frame)),
            )
    return {name: str(folder / name) for name in ('ego_score', 'object_score', 'interaction_map')}


def pipelines(stores: dict[str, str]) -> dict[str, list[dict]]:
    """The shipped pipeline, without targets, and with stock parts or other readers."""
    init_default_scope('mmaction')
    shipped = [
        dict(step) for step in Config.fromfile(CONFIGS / 'egoexo_slowfast_k400.py').train_pipeline
    ]
    for step in shipped:
        if step['type'] == 'LoadTargets':
            step['stores'] = stores
    plain = [step for step in shipped if STAGES[step['type']] != 'targets']
    plain[-1] = dict(type='PackActionInputs')
    two = [dict(type='RandomRescale', scale_range=(256, 320)), dict(type='RandomCrop', size=224)]
    found = {
        'shipped': shipped,
        'shipped, no targets': plain,
        'stock transforms, no targets': _swap(plain, 'Decord', two),
    }
    for reader, module in (('PyAV', 'av'), ('OpenCV', 'cv2'), ('TorchCodec', 'torchcodec')):
        if importlib.util.find_spec(module) and f'{reader}Init' in TRANSFORMS.module_dict:
            found[f'stock transforms, {reader}'] = _swap(plain, reader, two)
    return found


def _swap(steps: list[dict], reader: str, crop: list[dict]) -> list[dict]:
    out = []
    for step in steps:
        new = dict(
            ClipReaderInit=[dict(type=f'{reader}Init')],
            DecordDecode=[dict(type=f'{reader}Decode')],
            RandomRescaleCrop=crop,
        )
        out += new.get(step['type'], [step])
    return out


def frames_pipeline(steps: list[dict]) -> list[dict]:
    """The same from JPEG frames."""
    out = [step for step in steps if STAGES[step['type']] != 'open']
    return [dict(type='RawFrameDecode') if step['type'] == 'DecordDecode' else step for step in out]


def sample(path: Path, number: int) -> dict:
    """Return the fields of a row of the list."""
    row = dict(filename=str(path), label=0, start_index=0, modality='RGB', sample_idx=number)
    if path.is_dir():
        row.update(
            frame_dir=row.pop('filename'),
            filename_tmpl='img_{:05}.jpg',
            total_frames=len(list(path.iterdir())),
        )
    return row


def by_stage(pipeline: Compose, path: Path, number: int) -> dict[str, float]:
    """CPU seconds of every stage for one clip."""
    np.random.seed(number)
    results, spent = sample(path, number), {}
    for step in pipeline.transforms:
        start = time.process_time()
        results = step(results)
        stage = STAGES[type(step).__name__]
        spent[stage] = spent.get(stage, 0) + time.process_time() - start
    return spent


def stage_rows(built: dict[str, Compose], inputs: dict[str, list[Path]], rounds: int) -> list[dict]:
    """Milliseconds a clip; all pipelines take turns on the same clips."""
    spent = {name: [] for name in built}
    for number in range(-1, rounds):  # the first is to warm up
        for name in list(built)[:: -1 if number % 2 else 1]:
            for path in inputs[name]:
                stages = by_stage(built[name], path, number + 1)
                spent[name] += [stages] * (number >= 0)
    rows = []
    for name, clips in spent.items():
        totals = [sum(clip.values()) for clip in clips]
        means = {
            stage: statistics.mean(clip.get(stage, 0) for clip in clips) * 1e3
            for stage in ('open', 'sample', 'decode', 'resize', 'crop', 'targets', 'pack')
        }
        rows.append(
            {
                'pipeline': name,
                'clips/s of one core': 1 / statistics.mean(totals),
                **{f'{stage}, ms': round(value, 2) for stage, value in means.items()},
                'targets, %': 100 * means['targets'] / sum(means.values()),
            }
        )
    base = next(row for row in rows if row['pipeline'] == 'stock transforms, no targets')[
        'clips/s of one core'
    ]
    for row in rows:
        row['times stock'] = row['clips/s of one core'] / base
    return rows


class Clips(Dataset):
    """Endless clips of a few videos."""

    def __init__(self, pipeline: Compose, paths: list[Path], length: int) -> None:
        self.pipeline, self.paths, self.length = pipeline, paths, length

    def __len__(self) -> int:
        return self.length

    def __getitem__(self, number: int) -> tuple[torch.Tensor, float]:
        return self.pipeline(sample(self.paths[number % len(self.paths)], number))[
            'inputs'
        ], measuring.resident()


def worker_rows(
    built: dict[str, Compose], paths: list[Path], workers: tuple[int, ...], length: int
) -> list[dict]:
    """Wall clock clips/s through a ``DataLoader``, and the largest memory of a worker."""
    rows = []
    for count in workers:
        for name in ('shipped', 'stock transforms, no targets'):
            loader = DataLoader(
                Clips(built[name], paths, length), num_workers=count, collate_fn=lambda clips: clips
            )
            start = time.perf_counter()
            largest = max(memory for batch in loader for _, memory in batch)
            spent = time.perf_counter() - start
            rows.append(
                {
                    'pipeline': f'{name}, {count} workers',
                    'clips/s, wall clock': length / spent,
                    'MB per worker': round(largest),
                }
            )
    return rows


def run(options: measuring.Options) -> list[dict]:
    """Rows by stage, and then by number of workers."""
    cv2.setNumThreads(0)  # as in a data worker
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        paths = (
            sorted(path for path in options.videos.iterdir() if is_video(path))
            if options.videos
            else make_videos(folder, 1 if options.quick else 4, 80 if options.quick else FRAMES)
        )
        built = {
            name: Compose(steps)
            for name, steps in pipelines(make_stores(folder, [path.stem for path in paths])).items()
        }
        inputs = dict.fromkeys(built, paths)
        built['shipped, JPEG frames'] = Compose(
            frames_pipeline(
                pipelines(
                    {
                        key: str(folder / key)
                        for key in ('ego_score', 'object_score', 'interaction_map')
                    }
                )['shipped']
            )
        )
        inputs['shipped, JPEG frames'] = [
            _extract(path, folder / 'frames' / path.stem) for path in paths
        ]
        return stage_rows(built, inputs, options.rounds) + worker_rows(
            built, paths, options.workers, 2 if options.quick else 24
        )


def _extract(video: Path, folder: Path) -> Path:
    folder.mkdir(parents=True)
    stream = open_stream(str(video))
    while (frame := stream.read()) is not None:
        cv2.imwrite(str(folder / f'img_{stream.position - 1:05}.jpg'), frame[..., ::-1])
    return folder
