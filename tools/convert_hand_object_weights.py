"""Convert a checkpoint of Shan et al.'s hand-object detector (faster_rcnn_1_8_132028.pth) to mmdet names."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from egoexo_mm.models import checkpoints
from egoexo_mm.models.hand_object_weights import ego_warning, original_weights

_CONFIG = 'configs/teachers/hand_object_r101_c4.py'


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('input', type=Path, help='checkpoint of the original code')
    parser.add_argument('output', type=Path, help='checkpoint to write')
    return parser.parse_args(argv)


def convert(source: Path, destination: Path) -> str:
    """Convert one file.

    Returns:
        A summary of a few lines.

    Raises:
        ValueError: one sentence with the file and what was expected; nothing is written.
    """
    checkpoints.check_destination(source, destination)
    checkpoint = checkpoints.read_checkpoint(source)
    state = original_weights(checkpoint, source)
    checkpoints.write_checkpoint(
        {
            'state_dict': state,
            'meta': {'converted_from': source.name, 'sha256': checkpoints.sha256_of(source)},
        },
        destination,
    )
    lines = [f'{len(state)} tensors', f'config: {_CONFIG}', f'wrote {destination}']
    warning = ego_warning(source.stem)
    if warning:
        lines.append(f'warning: {warning}')
    return '\n'.join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    try:
        print(convert(args.input, args.output))
    except (ValueError, OSError) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    main()
