"""Convert a checkpoint of Shan et al.'s hand-object detector (faster_rcnn_1_8_132028.pth) to mmdet names."""
from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from egoexo_mm.models import checkpoints
from egoexo_mm.models.hand_object_weights import to_mmdet

_CONFIG = 'configs/teachers/hand_object_r101_c4.py'
_NOT_EGO = '89999'  # last step of the published model that was trained on 100DOH alone; its file is named by it


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
    weights = checkpoints.weights_of(checkpoint, 'model', source)
    pooling = checkpoint.get('pooling_mode', 'align')
    if pooling != 'align':
        raise ValueError(f'{source}: pooling_mode is {pooling!r}; expected a model trained with RoIAlign (\'align\')')
    try:
        state = to_mmdet(weights)
    except ValueError as error:
        raise ValueError(f'{source}: {error}') from None
    checkpoints.write_checkpoint({'state_dict': state, 'meta': {'converted_from': source.name,
                                                                'sha256': checkpoints.sha256_of(source)}}, destination)
    lines = [f'{len(state)} tensors', f'config: {_CONFIG}', f'wrote {destination}']
    if _NOT_EGO in source.stem:
        lines.append('warning: by its name this model saw no egocentric video; its published All-AP there is 12.7, against '
                     '46.3 of faster_rcnn_1_8_132028.pth')
    return '\n'.join(lines)


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    try:
        print(convert(args.input, args.output))
    except (ValueError, OSError) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    main()
