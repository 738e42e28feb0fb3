#!/usr/bin/env python
"""Print every loss of a training run in its first and in its last epoch, from the JSON logs."""

from __future__ import annotations

import argparse
import json
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

import numpy as np

LOSSES = ('loss', 'loss_cls', 'loss_ego', 'loss_object', 'loss_hand', 'loss_held_object')
MAP_LOSSES = LOSSES[-2:]


def epoch_means(work_dir: Path, losses: Sequence[str] = LOSSES) -> dict[int, dict[str, float]]:
    """Mean of each loss by epoch, over all runs (interrupted and resumed) of a work folder.

    Raises:
        SystemExit: there is no log, or a line lacks one of ``losses``.
    """
    values = defaultdict(lambda: defaultdict(list))
    for log in sorted(work_dir.glob('*/vis_data/scalars.json')):
        for number, line in enumerate(log.read_text().splitlines(), 1):
            row = json.loads(line)
            if 'loss' not in row:  # of a validation
                continue
            missing = [name for name in losses if name not in row]
            if missing:
                raise SystemExit(
                    f'{log}, line {number}: no {", ".join(missing)}; the model must '
                    'have the action head and the three Ego-Exo heads'
                )
            for name in losses:
                values[row['epoch']][name].append(row[name])
    if not values:
        raise SystemExit(
            f'{work_dir}: no log of a training run; run tools/dist_train.sh with '
            f'--work-dir {work_dir} first'
        )
    return {
        epoch: {name: float(np.mean(x)) for name, x in rows.items()}
        for epoch, rows in values.items()
    }


def main() -> None:
    """Print the mean losses of the first and the last epoch."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('work_dir', type=Path, help='work folder of the training')
    parser.add_argument('--no-map', action='store_true', help='it had no Interaction-Map head')
    args = parser.parse_args()
    losses = [x for x in LOSSES if not (args.no_map and x in MAP_LOSSES)]
    means = epoch_means(args.work_dir, losses)
    first, last = min(means), max(means)
    print(f'{"mean of an epoch":18}{f"epoch {first}":>10}{f"epoch {last}":>10}')
    for name in losses:
        print(f'{name:18}{means[first][name]:10.4f}{means[last][name]:10.4f}')
    if not means[last]['loss'] < means[first]['loss']:
        raise SystemExit('the total loss did not fall')


if __name__ == '__main__':
    main()
