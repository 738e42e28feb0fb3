"""Export a recognizer to ONNX (OUT.onnx) or torch.export (OUT.pt2): clips in, class scores out.

The batch is dynamic; the number of frames and their size are fixed, by default those of the
config's test pipeline. A clip is one view: average the scores of several yourself. The file is
compared with the recognizer on batches of several sizes, and is kept only if no output differs by
more than 1e-4 (nor by more than a thousandth of the largest score).
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path

from ..atomic_files import whole_file
from ..checkpoints.writing import check_destination
from .command import UsageError, add_out, make_parser, positive, run_command, set_run

_NEEDS = {'.onnx': ('onnx', 'onnxruntime'), '.pt2': ()}
_INPUTS = ('uint8', 'float', 'normalized')


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``export``; the exit code, see :mod:`.command`."""
    parser = make_parser('export', __doc__)
    parser.add_argument('config', metavar='CONFIG', help='config of the recognizer')
    parser.add_argument(
        'checkpoint', metavar='CHECKPOINT', help='its weights; none: random ones, to try it out'
    )
    add_out(parser, 'file to write (.onnx or .pt2)', type=Path)
    parser.add_argument(
        '--input',
        choices=_INPUTS,
        default='uint8',
        help='clips are RGB from 0 to 255 (uint8, or the same in float32), or normalized already; '
        'default: uint8',
    )
    parser.add_argument(
        '--maps', action='store_true', help="also give the student's maps of hands and objects"
    )
    for name, text in (('frames', 'frames of a clip'), ('size', 'pixels of a side')):
        parser.add_argument(
            f'--{name}',
            type=positive(int),
            metavar='N',
            help=f'{text}; default: as in the test pipeline of the config',
        )
    set_run(parser, run)
    return run_command('export', parser, argv)


def run(args: argparse.Namespace) -> None:
    """Export, compare and print a summary."""
    kind = args.out.suffix
    if kind not in _NEEDS:
        raise UsageError(f'{args.out} must end in {" or ".join(_NEEDS)}')
    missing = [name for name in _NEEDS[kind] if find_spec(name) is None]
    if missing:
        raise ValueError(
            f'{args.out}: {" and ".join(missing)} is not installed; pip install "egoexo-mm[export]"'
        )
    check_destination(args.checkpoint, args.out)
    export(
        args.config,
        args.checkpoint,
        args.out,
        pixels=args.input,
        maps=args.maps,
        frames=args.frames,
        size=args.size,
    )


def export(
    config: str,
    checkpoint: str,
    destination: Path,
    *,
    pixels: str = 'uint8',
    maps: bool = False,
    frames: int | None = None,
    size: int | None = None,
    say: Callable[[str], None] = print,
) -> dict:
    """Export one recognizer.

    Args:
        config: Path of its config.
        checkpoint: Path or URL of its weights, or ``'none'``.
        destination: File to write, ``.onnx`` or ``.pt2``.
        pixels: See ``--input``.
        maps: See ``--maps``.
        frames: See ``--frames``.
        size: See ``--size``.
        say: Gets lines of a summary.

    Returns:
        The description that the file holds.

    Raises:
        ValueError: The recognizer cannot be exported, or the file differs from it; no file is left.
    """
    import torch
    from mmengine.config import Config

    from ..export import files
    from ..export.scorer import ClipScorer, clip_shape, load_recognizer

    cfg = Config.fromfile(config)
    shape = clip_shape(cfg, frames, size)
    scorer = ClipScorer(load_recognizer(cfg, checkpoint, maps=maps), pixels=pixels, maps=maps)
    description = files.describe(scorer, shape, config=Path(config).name)
    clips = files.example(scorer, files.random_clips(2, shape))
    onnx = destination.suffix == '.onnx'
    write, runner = (
        (files.write_onnx, files.onnx_runner) if onnx else (files.write_pt2, files.pt2_runner)
    )
    with whole_file(destination) as temporary:
        try:
            write(scorer, temporary, clips, description)
        except (RuntimeError, ValueError) as error:
            raise ValueError(
                f'{config}: torch {torch.__version__} cannot export this model: '
                f'{str(error)[:300]!r}'
            ) from None
        try:
            difference, top = files.largest_difference(runner(temporary), scorer, shape)
        except ValueError as error:
            raise ValueError(f'{destination}: not kept, {error}') from None
        if not files.agrees(difference, top):
            raise ValueError(
                f'{destination}: not kept, its outputs differ by up to {difference:.1e} from those '
                f'of the recognizer, whose scores are up to {top:.2g}; expected at most '
                f'{files.TOLERANCE:g}, and {files.RELATIVE_TOLERANCE:g} of the largest score'
            )
    names = ', '.join(scorer.outputs)
    ends = {'softmax': 'softmax scores', 'sigmoid': 'sigmoid scores', None: 'raw scores'}
    say(f'clips: {json.dumps(description["shape"])} {pixels} -> {names}')
    say(
        f'{ends[scorer.activation]} of one view each; of several views of a video take the '
        f'{scorer.ensemble}'
    )
    engine = f'onnxruntime, opset {files.OPSET}' if onnx else 'torch.export'
    say(
        f'largest difference from PyTorch ({engine}), batches of '
        f'{", ".join(map(str, files.BATCHES))}: {difference:.1e} of scores up to {top:.2g}'
    )
    say(f'wrote {destination} ({destination.stat().st_size / 1e6:.1f} MB)')
    return description
