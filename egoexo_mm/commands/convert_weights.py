"""Convert checkpoints of other code to the names of MMAction2 (or mmdet), or back.

The family is found from the names of the weights; --from overrides this. The conversion is strict:
weights that are unknown, missing or of another shape are named, and no file is written.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from ..checkpoints.families import FAMILIES, family_of
from ..checkpoints.reading import read_checkpoint, sha256_of, weights_of
from ..checkpoints.writing import check_destination, write_checkpoint
from .command import UsageError, add_out, make_parser, positive, run_command, set_run


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``convert_weights``; the exit code, see :mod:`.command`. Errors end the process."""
    parser = make_parser('convert_weights', __doc__)
    parser.add_argument('source', metavar='CHECKPOINT', type=Path, help='checkpoint to read')
    add_out(parser, 'checkpoint to write', type=Path)
    parser.add_argument(
        '--from', dest='family', choices=FAMILIES, help='family of the checkpoint; default: found'
    )
    parser.add_argument(
        '--reverse',
        action='store_true',
        help='from MMAction2 back to the family (pyslowfast, videomae, videomae_hf, avion)',
    )
    parser.add_argument(
        '--task',
        default='',
        metavar='NAME',
        help='with --reverse to pyslowfast: TASK of its config, the class head becomes head<NAME> '
        '(charades-ego, epic, epic100); without it, the Kinetics head',
    )
    parser.add_argument(
        '--key',
        metavar='NAME',
        help='where the file keeps the weights, such as model_ema; default: found',
    )
    for name, text in (('frames', 'frames of a clip'), ('size', 'pixels of a frame')):
        parser.add_argument(
            f'--{name}',
            type=positive(int),
            metavar='N',
            help=f'{text}, for positions that are no weights (videomae)',
        )
    set_run(parser, run)
    return run_command('convert_weights', parser, argv, exits=True)


def run(args: argparse.Namespace) -> None:
    """Convert the checkpoint and print a summary."""
    if args.task and not args.reverse:
        raise UsageError(
            "--task is for --reverse: without it the task is read from the head's name"
        )
    if args.reverse and (args.key or args.frames or args.size):
        raise UsageError('--key, --frames and --size are for the way to MMAction2, not --reverse')
    names = ('family', 'reverse', 'task', 'key', 'frames', 'size')
    options = {name: getattr(args, name) for name in names}
    print(convert(args.source, args.out, **options))


def convert(
    source: Path,
    destination: Path,
    *,
    family: str | None = None,
    reverse: bool = False,
    task: str = '',
    key: str | None = None,
    frames: int | None = None,
    size: int | None = None,
) -> str:
    """Convert one file.

    Args:
        source: File to read.
        destination: File to write.
        family: A key of ``FAMILIES``; None finds it from the weights.
        reverse: From the names of MMAction2 to those of the family.
        task: See ``--task``.
        key: Where the file keeps the weights; None finds them.
        frames: See ``--frames``.
        size: See ``--size``.

    Returns:
        A summary of a few lines.

    Raises:
        ValueError: Names the file, what was found and expected; nothing is written.
    """
    check_destination(source, destination)
    checkpoint = read_checkpoint(source)
    if family is not None:
        converter = FAMILIES[family]
    else:
        converter = family_of(checkpoint, source, reverse=reverse, key=key)
    if reverse:
        weights = weights_of(checkpoint, 'state_dict', source)
    else:
        weights = converter.read(checkpoint, source, key)
    try:
        converter = converter.for_clips(frames, size)
        converted = converter.reverse(weights, task) if reverse else converter.forward(weights)
    except ValueError as error:
        raise ValueError(f'{source}: {error}') from None
    if reverse:
        key = converter.keys[0]
        result = {key: converted.weights} if key else converted.weights
    else:
        meta = {'converted_from': source.name, 'sha256': sha256_of(source)}
        result = {'state_dict': converted.weights, 'meta': meta}
    write_checkpoint(result, destination)
    lines = [*converted.lines, f'wrote {destination}']
    others = [] if reverse or key else converter.other_keys(checkpoint)
    if others:
        lines.insert(0, f'took `{converter.key_of(checkpoint)}`; --key takes {", ".join(others)}')
    warning = None if reverse else converter.warning(source.stem)
    return '\n'.join(lines + ([f'warning: {warning}'] if warning else []))


def former_command(script: str, family: str) -> Callable[[Sequence[str] | None], int]:
    """The ``main`` of a script that this command replaced."""

    def former_main(argv: Sequence[str] | None = None) -> int:
        print(f'{script} is now convert_weights.py --from {family}', file=sys.stderr)
        return main(['--from', family, *(sys.argv[1:] if argv is None else argv)])

    return former_main
