#!/usr/bin/env python
"""Run an ablation study from one config, each step once, and report it.

    python tools/study.py configs/study/miniworld.py --jobs 2
    python tools/study.py configs/study/miniworld.py --report-only
    python tools/study.py configs/study/real_data.py --dry-run

Run it again after an interruption: steps that are done are kept, and those that were interrupted or
failed are tried again. docs/study.md has the format of the config.
"""

from __future__ import annotations

import argparse
import shlex
import sys
import time
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import MMLogger

from study import table
from study.markers import state_of
from study.plan import Plan, StudyError, make_plan
from study.runner import Runner, settle_changes


def _parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument('config', help='config of a study')
    parser.add_argument(
        '--work-dir', type=Path, help='folder of the study (default: work_dirs/study/CONFIG)'
    )
    parser.add_argument('--jobs', type=int, default=1, help='steps that run at a time (default: 1)')
    parser.add_argument('--seeds', type=int, nargs='+', help="seeds to run (default: the config's)")
    parser.add_argument('--cells', nargs='+', help='cells to run (default: all of the config)')
    parser.add_argument(
        '--report-only', action='store_true', help='report what is done, run nothing'
    )
    parser.add_argument(
        '--dry-run', action='store_true', help='print the commands in order, run and write nothing'
    )
    parser.add_argument(
        '--redo-changed',
        action='store_true',
        help='set aside the folders of steps whose settings have changed, and run them again',
    )
    args = parser.parse_args()
    if args.jobs < 1:
        parser.error(f'--jobs must be at least 1, got {args.jobs}')
    return args


def _say(line: str) -> None:
    print(time.strftime('[%H:%M:%S]'), line, flush=True)


def _print_commands(plan: Plan) -> None:
    """A shell script of every step that is not done, in an order that works."""
    print('set -e')
    for step in plan.steps.values():
        needs = f' (needs {", ".join(step.needs)})' if step.needs else ''
        print(f'\n# {step.key}{needs}: {state_of(step)}')
        variables = ''.join(f'{name}={shlex.quote(value)} ' for name, value in step.env.items())
        print(('# ' if state_of(step) == 'done' else '') + variables + shlex.join(step.command))


def main() -> None:
    """Run and report a study; exit code 1 if a step failed."""
    args = _parse_args()
    # it names every environment variable of every config
    MMLogger.get_current_instance().setLevel('WARNING')
    cfg = Config.fromfile(args.config)
    work_dir = (args.work_dir or Path('work_dirs', 'study', Path(args.config).stem)).absolute()
    try:
        plan = make_plan(cfg, work_dir, seeds=args.seeds, cells=args.cells)
        if args.dry_run:
            return _print_commands(plan)
        complete = True
        if not args.report_only:
            settle_changes(plan, redo=args.redo_changed, say=_say)
            complete = Runner(plan, jobs=args.jobs, say=_say).run()
    except StudyError as error:
        raise SystemExit(str(error)) from None
    # matplotlib takes its time, and a study may run for days before
    from study.report import write_report

    results = write_report(plan)
    print(f'\n{table.markdown(results)}\nReport: {plan.work_dir / "report.html"}')
    sys.exit(0 if complete else 1)


if __name__ == '__main__':
    main()
