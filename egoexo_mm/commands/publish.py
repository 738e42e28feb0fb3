"""Publish a trained recognizer: weights, complete config and a model card in one folder.

The weights are stripped as by strip_aux and named after their SHA-256, as MMAction2's
publish_model does. The card (README.md) has the facts of the config, the checkpoint, the metrics
file and the target stores; what is not known is said to be unknown.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from ..atomic_files import whole_file
from .command import UsageError, add_out, make_parser, run_command, set_run

# `cfg` of the checkpoint's meta has paths of the machine; the config is a file of its own.
_META = ('epoch', 'iter', 'dataset_meta', 'mmengine_version')


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``publish``; the exit code, see :mod:`.command`."""
    parser = make_parser('publish', __doc__)
    parser.add_argument('config', metavar='CONFIG', type=Path, help='config of the training')
    parser.add_argument('checkpoint', metavar='CHECKPOINT', type=Path, help='written by training')
    add_out(parser, 'folder to write, new or empty', type=Path)
    parser.add_argument('--name', help='of the model; default: that of the config')
    parser.add_argument(
        '--format', choices=['safetensors', 'pth'], default='safetensors', help='of the weights'
    )
    parser.add_argument(
        '--metrics', type=Path, metavar='FILE', help='JSON that tools/test.py wrote for them'
    )
    parser.add_argument('--license', metavar='ID', help='of the weights, such as cc-by-nc-4.0')
    parser.add_argument(
        '--dataset',
        action='append',
        default=[],
        metavar='ID',
        help="data set by the hub's name; may be repeated, the last is the one tested on",
    )
    parser.add_argument(
        '--keep-aux',
        action='store_true',
        help="keep the auxiliary heads: the student's maps need them",
    )
    set_run(parser, run)
    return run_command('publish', parser, argv)


def run(args: argparse.Namespace) -> None:
    """Write the folder and print what is in it."""
    name = args.name or args.config.stem
    if Path(name).name != name or name.startswith('.'):
        raise UsageError(f'--name {name!r} must be the name of a file')
    print(
        publish(
            args.config,
            args.checkpoint,
            args.out,
            name=name,
            suffix=args.format,
            metrics=args.metrics,
            licence=args.license,
            datasets=args.dataset,
            keep_aux=args.keep_aux,
        )
    )


def publish(
    config: Path,
    checkpoint: Path,
    folder: Path,
    *,
    name: str,
    suffix: str = 'safetensors',
    metrics: Path | None = None,
    licence: str | None = None,
    datasets: Sequence[str] = (),
    keep_aux: bool = False,
) -> str:
    """Write weights, config and card.

    Args:
        config: Of the training.
        checkpoint: That training wrote.
        folder: To write, new or empty.
        name: Of the model.
        suffix: ``'safetensors'`` or ``'pth'``.
        metrics: See ``--metrics``.
        licence: See ``--license``.
        datasets: See ``--dataset``.
        keep_aux: See ``--keep-aux``.

    Returns:
        A summary of a few lines.

    Raises:
        ValueError: A file cannot be read, or the weights are not those of the config. Nothing is
            left in the folder.
    """
    from mmengine.config import Config

    from ..checkpoints.reading import read_checkpoint, sha256_of
    from ..checkpoints.stripping import DROPPED, strip
    from ..export.model_card import Card, read_metrics
    from ..export.scorer import load_recognizer

    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise ValueError(f'{folder} exists and is not an empty folder; name another OUT')
    cfg = Config.fromfile(str(config))
    numbers = read_metrics(metrics) if metrics else {}
    load_recognizer(cfg, str(checkpoint), maps=keep_aux)  # the weights are those of the config
    folder.mkdir(parents=True, exist_ok=True)
    plain = folder / f'{name}.{suffix}'
    dropped = tuple(part for part in DROPPED if not (keep_aux and part == 'aux_heads.'))
    written = []
    try:
        written.append(plain)
        lines = strip(checkpoint, plain, dropped=dropped, meta_keys=_META).splitlines()[:-1]
        weights = plain.rename(plain.with_name(f'{name}-{sha256_of(plain)[:8]}.{suffix}'))
        written += [weights, folder / 'config.py', folder / 'README.md']
        cfg.dump(folder / 'config.py')
        card = Card(
            name=name,
            weights=weights,
            config='config.py',
            cfg=cfg,
            meta=read_checkpoint(weights)['meta'],
            kept_heads=keep_aux,
            metrics=numbers,
            licence=licence,
            datasets=datasets,
        )
        with whole_file(folder / 'README.md') as temporary:
            Path(temporary).write_text(card.text(), encoding='utf-8')
    except BaseException:
        for path in written:
            path.unlink(missing_ok=True)
        raise
    return '\n'.join([*lines, *(f'wrote {path}' for path in written[1:])])
