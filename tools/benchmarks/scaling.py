"""How start-up and memory grow with the list of videos, and the work of each of two processes."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import measuring
import torch
import torch.distributed as dist
import torch.multiprocessing as mp
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.dataset import DefaultSampler
from mmengine.logging import MMLogger
from store import EGO, make_store

from egoexo_mm.datasets import VideoTargetDataset

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'


def write_list(path: Path, videos: int) -> None:
    """Write a list of so many videos."""
    path.write_text(''.join(f'train/video{i:08d}.mp4 {i % 400}\n' for i in range(videos)))


def open_list(path: Path, store: Path) -> dict[str, float]:
    """Seconds and megabytes of the list with its store, made in this process."""
    MMLogger.get_current_instance().setLevel('ERROR')
    before, start = measuring.resident(), time.process_time()
    dataset = VideoTargetDataset(
        str(path), [], targets=dict(ego_score=str(store)), data_prefix=dict(video='videos')
    )
    opened = time.process_time() - start
    start = time.process_time()
    for number in range(0, len(dataset), max(len(dataset) // 1000, 1)):
        dataset.get_data_info(number)
    rows = len(range(0, len(dataset), max(len(dataset) // 1000, 1)))
    return dict(
        open=opened, memory=measuring.resident() - before, row=(time.process_time() - start) / rows
    )


def _rank(rank: int, port: int, videos: int, out: str) -> None:
    dist.init_process_group('gloo', init_method=f'tcp://127.0.0.1:{port}', rank=rank, world_size=2)
    mine = list(DefaultSampler(range(videos), shuffle=True, seed=0))
    everything: list = [None, None]
    dist.all_gather_object(everything, mine)
    Path(out, f'{rank}.json').write_text(
        json.dumps(
            dict(
                samples=len(mine),
                both=len(set(everything[0]) & set(everything[1])),
                covered=len(set().union(*everything)),
            )
        )
    )
    dist.destroy_process_group()


def rank_rows(folder: Path, videos: int) -> list[dict]:
    """Two gloo processes share an epoch."""
    import socket

    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    mp.start_processes(_rank, (port, videos, str(folder)), nprocs=2, start_method='fork')
    ranks = [json.loads((folder / f'{rank}.json').read_text()) for rank in (0, 1)]
    return [
        {
            'what': f'epoch of {videos} videos, rank {number} of 2',
            'samples': rank['samples'],
            'seen by both': rank['both'],
            'seen by either': rank['covered'],
        }
        for number, rank in enumerate(ranks)
    ]


def gradient_rows() -> list[dict]:
    """Bytes that a rank sends through the all-reduce of a step."""
    rows = []
    for name in ('slowfast_k400.py', 'egoexo_slowfast_k400.py'):
        with torch.device('meta'):
            model = MODELS.build(Config.fromfile(CONFIGS / name).model)
        rows.append(
            {
                'what': f'gradients of {name}',
                'MB': sum(p.numel() for p in model.parameters()) * 4 / 1e6,
            }
        )
    return rows


def run(options: measuring.Options) -> list[dict]:
    """Rows per list size, per rank, and for the gradients."""
    rows = []
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        for videos in (100, 1000) if options.quick else (1000, 240_000, 1_000_000):
            write_list(root / 'list.txt', videos)
            make_store(root / f'store{videos}', EGO, videos)
            command = [
                sys.executable,
                __file__,
                str(root / 'list.txt'),
                str(root / f'store{videos}'),
            ]
            done = subprocess.run(command, check=True, capture_output=True, text=True)
            found = json.loads(done.stdout.splitlines()[-1])
            rows.append(
                {
                    'what': f'list and store of {videos} videos',
                    'start, s of CPU': found['open'],
                    'MB': found['memory'],
                    'one row, us': found['row'] * 1e6,
                }
            )
        return rows + rank_rows(root, 101 if options.quick else 240_000) + gradient_rows()


if __name__ == '__main__':
    print(json.dumps(open_list(*map(Path, sys.argv[1:]))))
