r"""Predict videos: labels in the terminal, in JSON Lines and CSV, features, and drawn videos.

Examples:
    python -m egoexo_mm predict clip.mp4 --config CONFIG --checkpoint CHECKPOINT
    python -m egoexo_mm predict clips/ --config CONFIG --checkpoint CHECKPOINT --out results
    python -m egoexo_mm predict day.mp4 --config CONFIG --checkpoint CHECKPOINT \
        --window 4 --stride 2 --out results --draw results/drawn
    python -m egoexo_mm predict list.csv --config CONFIG --checkpoint CHECKPOINT \
        --features features.parquet
    python -m egoexo_mm predict 0 --config CONFIG --checkpoint CHECKPOINT --window 2
"""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from mmengine.config import Config, DictAction

from ..progress import track
from ..shipped import PREFIX, config_path
from .command import UsageError, complain, make_parser, positive, run_command, set_run

if TYPE_CHECKING:
    from ..inference import EgoExoInferencer, FeatureFile, PredictionFiles, Source

NAME = 'predict'


def main(argv: Sequence[str] | None = None) -> int:
    """Run the tool; returns its exit code."""
    parser = make_parser(NAME, __doc__)
    parser.add_argument(
        'inputs',
        nargs='+',
        metavar='INPUT',
        help='video, folder of frames, folder of videos, list (a path a line, or a CSV file with '
        'the columns video, start, end), - for a list on standard input, or the number of a camera',
    )
    parser.add_argument('--config', required=True, help='config that the model was trained with')
    parser.add_argument('--checkpoint', required=True, help='its weights (.pth or .safetensors)')
    parser.add_argument(
        '--classes',
        nargs='+',
        default=[],
        metavar='FILE',
        help='names of the classes, a text file with a name a line, or a CSV file of EPIC-KITCHENS '
        'or Ego-Exo4D; for verb and noun two files (default: those of the config or the '
        'checkpoint)',
    )
    parser.add_argument('--device', help='cpu, cuda:0 ... (default: the best that there is)')
    parser.add_argument(
        '--amp',
        choices=['float16', 'bfloat16'],
        help='mixed precision, faster where the device has it; scores differ in the third digit',
    )
    _add_views(parser)
    _add_outputs(parser)
    set_run(parser, run)
    return run_command(NAME, parser, argv)


def _add_views(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('what is predicted')
    group.add_argument(
        '--window',
        type=positive(float),
        metavar='S',
        help='predict windows of S seconds, and print a timeline (default: a video as a whole)',
    )
    group.add_argument(
        '--stride',
        type=positive(float),
        metavar='S',
        help='seconds from one window to the next (default: a window)',
    )
    group.add_argument(
        '--fps', type=positive(float), default=0.0, help='frame rate of folders of frames'
    )
    group.add_argument(
        '--batch-size',
        type=positive(int),
        help='videos or windows that the model sees at once (default: of the test in the config)',
    )
    group.add_argument(
        '--workers',
        type=int,
        metavar='N',
        help='processes that decode (default: of the test in the config, 0 for one video)',
    )
    group.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        default={},
        metavar='KEY=VALUE',
        help='changes to the config',
    )


def _add_outputs(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group('outputs')
    group.add_argument('--top-k', type=positive(int), default=5, help='classes to tell; default 5')
    group.add_argument(
        '--out',
        metavar='DIR',
        help='folder for predictions.jsonl, predictions.csv, failed.jsonl and, with --window, '
        'timeline.csv',
    )
    group.add_argument('--scores', action='store_true', help='all scores in predictions.jsonl')
    group.add_argument(
        '--threshold',
        type=positive(float),
        default=0.5,
        help='lowest score of a label in the timeline of a model with several labels; default 0.5',
    )
    group.add_argument(
        '--draw',
        metavar='DIR',
        help='folder for an mp4 and a PNG of each video with its labels, and with the maps of '
        'hands and objects that the model predicts',
    )
    group.add_argument(
        '--draw-stride', type=positive(int), default=1, help='draw every N-th frame; default 1'
    )
    group.add_argument(
        '--features', metavar='FILE', help='pooled features, .npz or .parquet, a row a video'
    )
    group.add_argument('--quiet', action='store_true', help='print no predictions')


def run(args: argparse.Namespace) -> int:
    """Predict, print and write; 1 if an input could not be read."""
    if hasattr(sys.stdout, 'reconfigure'):  # names of files and classes that it cannot encode
        sys.stdout.reconfigure(errors='backslashreplace')
    if args.stride and not args.window:
        raise UsageError('--stride goes with --window')
    from ..inference import EgoExoInferencer, FeatureFile, PredictionFiles, find_sources
    from ..inference.camera import is_camera
    from ..inference.sources import drawn_bases

    cameras = [name for name in args.inputs if is_camera(name)]
    if cameras and (len(args.inputs) > 1 or not args.window or args.draw):
        raise UsageError('a camera is predicted alone, with --window, and is not drawn')
    # all that may be wrong is looked at before the model is built
    own = [folder for folder in (args.draw, args.out) if folder]
    sources = [] if cameras else find_sources(args.inputs, args.fps, own)
    bases = drawn_bases(sources, args.draw) if args.draw else []
    if args.out:
        PredictionFiles.check(args.out)
    inferencer = _inferencer(EgoExoInferencer, args)
    with ExitStack() as stack:
        files = features = None
        if args.features:
            features = stack.enter_context(FeatureFile(args.features))
        if args.out:
            files = stack.enter_context(
                PredictionFiles(
                    args.out,
                    windows=bool(args.window),
                    multi_label=inferencer.head.multi_label,
                    threshold=args.threshold,
                )
            )
        job = _Job(args, inferencer, files, features)
        return job.watch(args.inputs[0]) if cameras else job.predict(sources, bases)


def _inferencer(kind: type[EgoExoInferencer], args: argparse.Namespace) -> EgoExoInferencer:
    from ..inference.class_names import as_classes, find_names

    is_shipped = args.config.startswith(PREFIX)
    cfg = Config.fromfile(str(config_path(args.config)) if is_shipped else args.config)
    cfg.merge_from_dict(args.cfg_options)
    inferencer = kind(cfg, args.checkpoint, args.device, amp=args.amp)
    if args.classes:
        classes = as_classes(args.classes, [*inferencer.head.counts])
        inferencer.names = find_names(inferencer.head.counts, classes, cfg, {})
    return inferencer


class _Job:
    """One call of the tool: where predictions go to."""

    def __init__(
        self,
        args: argparse.Namespace,
        inferencer: EgoExoInferencer,
        files: PredictionFiles | None,
        features: FeatureFile | None,
    ) -> None:
        self.args, self.inferencer, self.files, self.features = args, inferencer, files, features
        if args.draw and not inferencer.has_maps:
            print(f'{NAME}: {inferencer.maps_missing}; drawing labels only', file=sys.stderr)

    def predict(self, sources: Sequence[Source], bases: Sequence[Path]) -> int:
        """Predict all sources, and draw them if there are ``bases``; 1 if one could not be read."""
        args, inferencer = self.args, self.inferencer
        samples = inferencer.stream(
            sources,
            args.batch_size,
            features=bool(args.features),
            maps=bool(args.draw) and inferencer.has_maps,
            num_workers=args.workers,
            window=args.window,
            stride=args.stride,
        )
        total = None if args.window else len(sources)
        samples = track(samples, total, 'predicted', file=sys.stderr)
        for number, group in itertools.groupby(samples, key=lambda sample: sample.source):
            rows: list[dict] = []
            answers = self._answers(group, rows)
            if args.draw:
                self._draw(sources[number], answers, bases[number])
            for _ in answers:
                pass
            self._tell(sources[number].name, rows)
        return self._report_failures(len(sources))

    def watch(self, camera: str) -> int:
        """A line for each window of a camera, until it ends or Ctrl-C."""
        from ..inference.answers import clock, main_entries
        from ..inference.camera import camera_windows

        windows = camera_windows(camera, self.args.window, self.args.stride, self.args.fps)
        broken = 0
        rows = []  # what the timeline needs of each
        try:
            for source in windows:
                samples = self.inferencer.stream([source], 1, features=bool(self.args.features))
                for row, _ in self._answers(samples, []):
                    entries = main_entries(row)
                    times = {key: row[key] for key in ('video', 'start', 'end')}
                    rows.append(dict(times, labels=entries))
                    best = ', '.join(f'{entry["name"]} {entry["score"]:.2f}' for entry in entries)
                    print(f'{clock(row["start"])} - {clock(row["end"])}  {best}', flush=True)
                broken += self._tell_failures()
        finally:
            if self.files:
                self.files.end_video(rows)
        return 1 if broken else 0

    def _answers(self, samples: Iterator[Any], rows: list[dict]) -> Iterator[tuple[dict, Any]]:
        """Rows and their samples, written as they are taken."""
        for sample in samples:
            row = self.inferencer.row(sample, self.args.top_k, self.args.scores)
            if self.files:
                self.files.add(row)
            if self.features:
                self.features.add(row, sample.feature.numpy())
            row.pop('scores', None)
            rows.append(row)
            yield row, sample

    def _draw(self, source: Source, answers: Iterator[tuple[dict, Any]], base: Path) -> None:
        if self.inferencer.draw(source, answers, base, self.args.draw_stride) is not None:
            print(f'wrote {base}.mp4 and .png')

    def _tell(self, name: str, rows: Sequence[dict]) -> None:
        from ..inference.answers import clock, main_entries, table_lines, timeline

        if self.files:
            self.files.end_video(rows)
        if self.args.quiet or not any(map(main_entries, rows)):
            return
        lines = [name]
        if self.args.window:
            spans = timeline(rows, self.inferencer.head.multi_label, self.args.threshold)
            lines += [
                f'  {clock(span["start"]):>9} - {clock(span["end"]):>9}  {span["score"]:.3f}  '
                f'{span["name"]}'
                for span in spans
            ]
        else:
            for row in rows:
                lines += table_lines(row)
        print('\n'.join(lines), flush=True)

    def _tell_failures(self) -> int:
        """A line for each input that failed; how many there are."""
        failures = self.inferencer.failures
        for failure in failures:
            complain(NAME, f'{failure.path}: {failure.reason}')
            if self.files:
                self.files.fail(Path(failure.path).stem, failure.path, failure.reason)
        return len({failure.path for failure in failures})

    def _report_failures(self, total: int) -> int:
        broken = self._tell_failures()
        if broken:
            listed = f', listed in {self.files.failed}' if self.files else ''
            print(f'{NAME}: {broken} of {total} inputs failed{listed}', file=sys.stderr)
        return 1 if broken else 0
