"""Reduce a training checkpoint to what stock MMAction2 loads: the backbone and the class head."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..checkpoints.stripping import strip
from .command import add_out, make_parser, run_command, set_run


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``strip_aux``; the exit code, see :mod:`.command`. Errors end the process."""
    parser = make_parser('strip_aux', __doc__)
    parser.add_argument('source', metavar='CHECKPOINT', type=Path, help='written by training')
    add_out(parser, 'checkpoint to write (.pth or .safetensors)', type=Path)
    set_run(parser, run)
    return run_command('strip_aux', parser, argv, exits=True)


def run(args: argparse.Namespace) -> None:
    """Strip the checkpoint and print a summary."""
    print(strip(args.source, args.out))
