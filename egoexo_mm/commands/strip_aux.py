"""Reduce a training checkpoint to what stock MMAction2 loads: the backbone and the class head."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from egoexo_mm.checkpoints.stripping import strip


def main(argv: Sequence[str] | None = None) -> None:
    """Run the command."""
    parser = argparse.ArgumentParser('strip_aux.py', description=__doc__)
    parser.add_argument('input', type=Path, help='checkpoint written by training (.pth)')
    parser.add_argument('output', type=Path, help='checkpoint to write (.pth)')
    args = parser.parse_args(argv)
    try:
        print(strip(args.input, args.output))
    except (ValueError, OSError) as error:
        sys.exit(f'error: {error}')
