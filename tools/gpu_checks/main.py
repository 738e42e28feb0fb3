"""Check on GPUs all that only GPUs show, and measure it: one table at the end.

Every step runs in a process of its own with a limit and a log; a step that fails is named, and the
others go on. No data and no network are needed. With --device cpu --quick it is a rehearsal on
small clips.

Example:
    bash tools/run_gpu_checks.sh 1 --minutes 9
"""

from __future__ import annotations

import argparse
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import report
import runs
import steps as plans

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def parse_args() -> argparse.Namespace:
    """Arguments of this script."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('gpus', type=int, nargs='?', default=1, help='ranks of the runs')
    parser.add_argument('--device', choices=['cuda', 'cpu'], default='cuda')
    parser.add_argument(
        '--quick', action='store_true', help='small clips and few steps, to see that all of it runs'
    )
    parser.add_argument(
        '--seconds', type=float, default=120.0, help='timed training of each run (default 120)'
    )
    parser.add_argument(
        '--minutes', type=float, help='for everything; what does not fit is named as not run'
    )
    parser.add_argument(
        '--only',
        metavar='STEP',
        action='append',
        help='a step whose name begins so (see --list); may be given often, the order is kept',
    )
    parser.add_argument('--list', action='store_true', help='name the steps and stop')
    parser.add_argument(
        '--workers',
        type=int,
        help='loading processes of a rank (default: CPU cores / ranks, 16 at most)',
    )
    parser.add_argument(
        '--out',
        type=Path,
        default=Path('work_dirs/gpu_checks'),
        help='folder for tables, logs and runs',
    )
    args = parser.parse_args()
    if args.gpus < 1 or args.seconds < 0:
        parser.error('GPUS must be 1 or more and --seconds 0 or more')
    if args.device == 'cuda' and not args.list:
        import torch

        if torch.cuda.device_count() < args.gpus:
            parser.error(
                f'torch sees {torch.cuda.device_count()} CUDA devices, expected {args.gpus}; for a '
                'rehearsal: --device cpu --quick'
            )
    return args


def run(step: plans.Step, log: Path, limit: float, env: dict[str, str]) -> str:
    """'ok', or in one line what went wrong."""
    if not step.commands:
        return 'left out'
    begin = time.monotonic()
    with log.open('w') as out:
        for command in step.commands:
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=env,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
            try:
                code = process.wait(max(limit - (time.monotonic() - begin), 1))
            except BaseException as error:  # also Ctrl-C
                # its launcher and ranks: a session of their own
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
                if not isinstance(error, subprocess.TimeoutExpired):
                    raise
                return f'failed: not done after {limit:.0f} s; see {log.name}'
            if code:
                return f'failed: {_reason(log)}; see {log.name}'
    if step.must_say and step.must_say not in log.read_text(errors='replace'):
        return f'failed: the log does not say "{step.must_say}"; see {log.name}'
    if missing := [path.name for path in step.figures if not path.is_file()]:
        return f'failed: wrote no {", ".join(missing)}; see {log.name}'
    return 'ok'


def _reason(log: Path) -> str:
    """The last line that looks like an error."""
    lines = [line.strip() for line in log.read_text(errors='replace').splitlines() if line.strip()]
    telling = [
        line
        for line in lines
        if 'Error' in line and 'ChildFailedError' not in line and 'error_file' not in line
    ]
    return (telling or lines or ['no output'])[-1][:200].replace('|', '/')


def main() -> None:
    """Run the steps, write the table, and exit with 1 where a step failed."""
    args = parse_args()
    out = args.out.absolute()
    (out / 'logs').mkdir(parents=True, exist_ok=True)
    (out / 'figures').mkdir(exist_ok=True)
    workers = (
        args.workers if args.workers is not None else min((os.cpu_count() or 1) // args.gpus, 16)
    )
    setting = runs.Setting(
        out, args.gpus, 0.1 if args.quick else args.seconds, args.quick, workers, args.device
    )
    steps = plans.plan(setting, args.device)
    if args.only:
        names = [step.name for step in steps]
        for name in args.only:
            if not any(known.startswith(name) for known in names):
                sys.exit(f'no step is called {name!r}; expected {", ".join(names)}')
        steps = list(
            {
                step.name: step
                for name in args.only
                for step in steps
                if step.name.startswith(name)
            }.values()
        )
    if args.list:
        print('\n'.join(step.name for step in steps))
        return
    # the launched tools/train.py finds step_watch here, and the steps find the benchmarks
    folders = [HERE, ROOT, ROOT / 'tools/benchmarks', os.environ.get('PYTHONPATH', '')]
    env = dict(
        os.environ,
        OMP_NUM_THREADS=os.environ.get('OMP_NUM_THREADS', '1'),
        PYTHONUNBUFFERED='1',
        PYTHONPATH=os.pathsep.join(map(str, folders)),
    )
    with socket.socket() as probe:  # beside other runs on this machine
        probe.bind(('127.0.0.1', 0))
        env.setdefault('PORT', str(probe.getsockname()[1]))
    if args.device == 'cpu':
        env['CUDA_VISIBLE_DEVICES'] = ''
    deadline = time.monotonic() + (args.minutes * 60 if args.minutes else float('inf'))
    results = []
    for number, step in enumerate(steps):
        left = deadline - time.monotonic()
        begin = time.monotonic()
        for path in step.figures:
            path.unlink(missing_ok=True)
        log = (
            out
            / 'logs'
            / f'{number:02}_{"".join(c if c.isalnum() else "_" for c in step.name)}.log'
        )
        result = (
            run(step, log, min(step.limit, left), env) if left > 10 else 'not run: no time left'
        )
        results.append(
            dict(
                name=step.name,
                result=result,
                seconds=round(time.monotonic() - begin, 1),
                note=step.note,
                figures=[str(path) for path in step.figures],
                progress=report.progress(log),
            )
        )
        print(f'{step.name}: {result} ({results[-1]["seconds"]} s)', flush=True)
        text = report.write(results, out)
    print(f'\n{text}\nwritten to {out}/table.json and table.md')
    if bad := [result['name'] for result in results if result['result'] not in ('ok', 'left out')]:
        sys.exit(f'{len(bad)} of {len(results)} steps failed or did not run: {", ".join(bad)}')


if __name__ == '__main__':
    main()
