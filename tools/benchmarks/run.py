"""Measure the cost of training and testing beside the stock parts of MMAction2.

Every benchmark prints a table; CPU times are those of the process, medians of rounds in which the
sides take turns.

Example:
    python tools/benchmarks/run.py --only step,store --json rows.json
"""

from __future__ import annotations

import argparse
import importlib
import json
import os
import platform
from pathlib import Path

import measuring
import torch
from mmengine.logging import MMLogger

HERE = Path(__file__).resolve().parent
BENCHMARKS = (
    'step',
    'loader',
    'store',
    'raster',
    'multi_view',
    'views',
    'loader_options',
    'memory',
    'scaling',
    'teachers',
    'backbones',
    'prediction',
)


def present() -> list[str]:
    """Names of the benchmarks in this folder."""
    return [name for name in BENCHMARKS if (HERE / f'{name}.py').is_file()]


def main(argv: list[str] | None = None) -> dict[str, list[dict]]:
    """Run the chosen benchmarks, print their tables and return them."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('--device', choices=['cpu', 'cuda'], default='cpu')
    parser.add_argument(
        '--only', metavar='NAME,...', help=f'of {", ".join(present())}; all by default'
    )
    parser.add_argument('--json', type=Path, metavar='OUT', help='also write the rows there')
    parser.add_argument('--rounds', type=int, default=9, help='timings per side')
    parser.add_argument('--threads', type=int, default=1, help='of torch on the CPU')
    parser.add_argument(
        '--workers', default='0,1,2', metavar='N,...', help='loading processes to measure'
    )
    parser.add_argument(
        '--videos',
        type=Path,
        help='folder of videos for the loader; short H.264 clips are made by default',
    )
    parser.add_argument('--quick', action='store_true', help='smallest sizes, to see it run')
    args = parser.parse_args(argv)
    names = args.only.split(',') if args.only else present()
    if unknown := sorted(set(names) - set(present())):
        parser.error(
            f'--only {",".join(unknown)}: no such benchmark; choose from {", ".join(present())}'
        )
    if args.rounds < 1:
        parser.error('--rounds must be 1 or more')
    if args.device == 'cuda' and not torch.cuda.is_available():
        parser.error('--device cuda: torch sees no CUDA device; leave it out')
    if args.json and not args.json.absolute().parent.is_dir():
        parser.error(f'--json {args.json}: no such folder; make it first')
    if args.videos and not args.videos.is_dir():
        parser.error(f'--videos {args.videos}: no such folder')
    MMLogger.get_current_instance().setLevel('ERROR')  # building models says much
    torch.set_num_threads(args.threads)
    options = measuring.Options(
        args.device,
        args.rounds,
        args.quick,
        args.videos,
        tuple(int(number) for number in args.workers.split(',')),
    )
    tables = {}
    for name in names:
        tables[name] = importlib.import_module(name).run(options)
        print(f'\n## {name}\n\n{measuring.table(tables[name])}', flush=True)
    machine = dict(
        device=torch.cuda.get_device_name()
        if args.device == 'cuda'
        else f'{os.cpu_count()} CPU cores',
        python=platform.python_version(),
        torch=torch.__version__,
    )
    print('\n' + ', '.join(f'{key} {value}' for key, value in machine.items()))
    if args.json:
        args.json.write_text(
            json.dumps(dict(machine=machine, rounds=args.rounds, tables=tables), indent=2) + '\n'
        )
    return tables


if __name__ == '__main__':
    main()
