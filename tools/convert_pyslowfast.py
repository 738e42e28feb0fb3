"""Convert a SlowFast or Slow checkpoint of PySlowFast or Ego-Exo to MMAction2 names, or back."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from torch import Tensor

from egoexo_mm.models import checkpoints
from egoexo_mm.models.pyslowfast import Layout, to_mmaction, to_pyslowfast

_CONFIGS = {  # (SlowFast?, depth, with the teachers' heads?)
    (True, 50, True): 'configs/egoexo_slowfast_k400.py',
    (True, 50, False): 'configs/slowfast_k400.py',
    (True, 101, True): 'configs/egoexo_slowfast_r101_k400.py',
    (False, 50, True): 'configs/egoexo_slowonly_k400.py',
    (False, 50, False): 'configs/slowonly_k400.py',
}


def parse_args(argv: Sequence[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('input', type=Path, help='checkpoint to read')
    parser.add_argument('output', type=Path, help='checkpoint to write')
    parser.add_argument('--reverse', action='store_true', help='from MMAction2 to PySlowFast names')
    parser.add_argument(
        '--task',
        default='',
        metavar='NAME',
        help='with --reverse: TASK of the PySlowFast config, the class head '
        'becomes head<NAME> (charades-ego, epic, epic100); without it, '
        'the Kinetics head',
    )
    args = parser.parse_args(argv)
    if args.task and not args.reverse:
        parser.error("--task is for --reverse: without it the task is read from the head's name")
    return args


def convert(source: Path, destination: Path, reverse: bool, task: str) -> str:
    """Convert one file.

    Returns:
        A summary of a few lines.

    Raises:
        ValueError: one sentence with the file and what was expected; nothing is written.
    """
    checkpoints.check_destination(source, destination)
    key = 'state_dict' if reverse else 'model_state'
    weights = checkpoints.weights_of(checkpoints.read_checkpoint(source), key, source)
    try:
        state, layout = to_pyslowfast(weights, task) if reverse else to_mmaction(weights)
    except ValueError as error:
        raise ValueError(f'{source}: {error}') from None
    result: dict[str, Any] = (
        {'model_state': state}
        if reverse
        else {
            'state_dict': state,
            'meta': {'converted_from': source.name, 'sha256': checkpoints.sha256_of(source)},
        }
    )
    checkpoints.write_checkpoint(result, destination)
    return '\n'.join([*summarise(state, layout), f'wrote {destination}'])


def summarise(state: dict[str, Tensor], layout: Layout) -> list[str]:
    """What was found, and which MMAction2 settings fit it."""
    kind = 'SlowFast' if layout.slowfast else 'Slow'
    depth = f'R{layout.depth}' if layout.depth else 'no standard depth'
    parameters = sum(
        value.numel()
        for name, value in state.items()
        if not name.endswith(('running_mean', 'running_var', 'num_batches_tracked'))
    )
    sizes = ', '.join(f'{name} ({size})' for name, size in layout.heads.items())
    lines = [
        f'{kind}, {depth}, blocks {"-".join(map(str, layout.blocks))}: {len(state)} tensors, '
        + f'{parameters:,} parameters',
        f'heads: {sizes}' + (f', of task {layout.task}' if layout.task else ''),
    ]
    if layout.slowfast:
        slow, fast = layout.channels
        lines += [
            f'settings: type=ResNet3dSlowFast, channel_ratio={slow / fast:g}; slow_pathway: '
            + f'lateral_norm=True, fusion_kernel={layout.fusion_kernel}, '
            + f'inflate={layout.inflate[0]}; fast_pathway: inflate={layout.inflate[1]}',
            'the weights do not tell alpha: resample_rate=speed_ratio=4 for 8x8 models '
            + '(32 frames), 8 for 4x16 models',
        ]
    else:
        lines += [f'settings: type=ResNet3dSlowOnly, inflate={layout.inflate[0]}']
    return [*lines, f'config: {_config_for(layout)}']


def _config_for(layout: Layout) -> str:
    teachers = 'aux_heads.ego_score.fc' in layout.heads
    config = _CONFIGS.get((layout.slowfast, layout.depth, teachers))
    if config:
        return f'{config} with these settings'
    if layout.depth is None:
        return 'none fits, no ResNet has these block counts'
    return f'{_CONFIGS[layout.slowfast, 50, teachers]} with depth={layout.depth} and these settings'


def main(argv: Sequence[str] | None = None) -> None:
    args = parse_args(argv)
    try:
        print(convert(args.input, args.output, args.reverse, args.task))
    except (ValueError, OSError) as error:
        sys.exit(f'error: {error}')


if __name__ == '__main__':
    main()
