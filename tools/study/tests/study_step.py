"""A step of the toy study: trains or tests nothing, and leaves the logs that MMEngine leaves."""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path


def main(kind: str, folder: str, value: str, *flags: str) -> None:
    work = Path(folder)
    with open(work / 'calls.txt', 'a') as file:
        file.write(' '.join((kind, *flags)) + '\n')
    if 'fail' in flags and not Path(os.environ['TOY'], 'repaired').exists():
        print('toy: the data set is broken')
        sys.exit(3)
    run = f'20260101_{len((work / "calls.txt").read_text().splitlines()):06}'
    (work / run / 'vis_data').mkdir(parents=True)
    if kind == 'test':
        (work / run / f'{run}.json').write_text(json.dumps({'acc/top1': float(value)}) + '\n')
        return
    first = 3 if '--resume' in flags else 1
    lines = [dict(epoch=1, step=i, loss=1 / i, loss_cls=1 / i) for i in range(first, 5)]
    with open(work / run / 'vis_data' / 'scalars.json', 'w') as log:
        for line in lines:
            log.write(json.dumps(line) + '\n')
            if line['step'] == 2:
                (work / 'last_checkpoint').write_text('epoch_1.pth')
                log.flush()
                time.sleep(float(os.environ.get('TOY_SLEEP', 0)))


if __name__ == '__main__':
    main(*sys.argv[1:])
