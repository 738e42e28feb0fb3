"""Pictures of a study, as bytes: the plot of its cells, loss curves, example clips and maps."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from pathlib import Path

os.environ.setdefault('MPLBACKEND', 'Agg')

import cv2  # noqa: E402
import numpy as np  # noqa: E402
from matplotlib import pyplot as plt  # noqa: E402
from PIL import Image  # noqa: E402

from egoexo_mm.video import open_frames  # noqa: E402
from egoexo_mm.video.names import frame_files  # noqa: E402

# blue and orange of Okabe and Ito, which all common kinds of colour vision tell apart
_BLUE, _ORANGE, _GREY = '#0072b2', '#e69f00', '0.55'
_KINDS = ('hand', 'held object')


def cell_plot(results: dict, names: Sequence[str]) -> bytes:
    """A row of panels for every measure of ``names``.

    A row has the runs and their mean, and beside it the paired difference with its interval: the
    thick one alone, the thin one corrected for all comparisons of the measure.
    """
    found = results['statistics']
    shown = [
        [cell for cell in results['cells'] if len(names) == 1 or name in found[cell]]
        for name in names
    ]
    heights = [1.3 + 0.26 * len(cells) for cells in shown]
    figure, axes = plt.subplots(
        len(names),
        2,
        squeeze=False,
        layout='constrained',
        figsize=(11, sum(heights)),
        height_ratios=heights,
    )
    for (left, right), name, cells in zip(axes, names, shown):
        for row, cell in enumerate(cells):
            values = [
                number['value'] for number in results['cells'][cell]['numbers'][name].values()
            ]
            entry = found[cell].get(name)
            left.plot(values, [row] * len(values), 'o', color=_GREY, markersize=4)
            if entry:
                left.plot(entry['mean'], row, '|', color=_BLUE, markersize=14, markeredgewidth=2.5)
            for kind, width in (('corrected', 1), ('difference', 2.5)):
                if kind in (entry or {}):
                    right.errorbar(
                        entry['difference']['mean'],
                        row,
                        xerr=entry[kind]['half_width'],
                        fmt='o',
                        color=_BLUE,
                        elinewidth=width,
                        capsize=3,
                    )
        right.axvline(0, color='0.3', linewidth=0.8)
        left.set(
            title=results['measures'][name].get('label', name),
            yticks=range(len(cells)),
            yticklabels=cells,
            ylim=(len(cells) - 0.5, -0.5),
        )
        right.set(
            title=f'minus {_baselines(results, cells, name)}, same seed\n'
            '(95 % interval; thin: corrected)',
            yticks=range(len(cells)),
            yticklabels=[],
            ylim=(len(cells) - 0.5, -0.5),
        )
        for axis in (left, right):
            axis.grid(axis='x', color='0.9')
    return _png(figure)


def _baselines(results: dict, cells: Sequence[str], name: str) -> str:
    """The study's baseline, and a word if some cells have another."""
    others = {
        results['statistics'][cell].get(name, {}).get('baseline', results['baseline'])
        for cell in cells
    }
    return f'{results["baseline"]}' + (' (or its own baseline)' if len(others) > 1 else '')


def data_plot(found: dict, label: str) -> bytes:
    """Curves over the share of data with bands, the 95 % intervals of the means over seeds."""
    figure, axis = plt.subplots(layout='constrained', figsize=(7, 4.2))
    for colour, (name, points) in zip((_BLUE, _ORANGE, _GREY), found['curves'].items()):
        shares, counts, means, halves = (np.array(column, float) for column in zip(*points))
        axis.plot(shares, means, 'o-', color=colour, label=f'{name} (n={int(counts.min())})')
        band = np.nan_to_num(halves)
        axis.fill_between(shares, means - band, means + band, color=colour, alpha=0.2, linewidth=0)
    axis.set(xlabel='share of the training clips (%)', ylabel=label, xscale='log')
    ticks = sorted({point[0] for points in found['curves'].values() for point in points})
    axis.set_xticks(ticks, [f'{tick:g}' for tick in ticks])
    axis.minorticks_off()
    axis.grid(color='0.9')
    axis.legend()
    return _png(figure)


def curve_plot(title: str, curves: dict[str, dict[str, np.ndarray]]) -> bytes:
    """A panel for every loss, a line for every cell.

    Args:
        title: of the figure.
        curves: loss -> cell -> (n, 2) iteration and value.
    """
    columns = min(3, len(curves))
    rows = -(-len(curves) // columns)
    figure, axes = plt.subplots(
        rows, columns, squeeze=False, layout='constrained', figsize=(4.2 * columns, 2.9 * rows)
    )
    for axis, (name, lines) in zip(axes.flat, curves.items()):
        for number, (cell, points) in enumerate(lines.items()):
            axis.plot(
                *points.T,
                label=cell,
                color=f'C{number % 10}',
                linestyle='-' if number < 10 else '--',
                linewidth=1.2,
            )
        axis.set(title=name, xlabel='iteration')
        axis.grid(color='0.9')
        axis.legend(fontsize=7)
    for axis in list(axes.flat)[len(curves) :]:
        axis.set_axis_off()
    figure.suptitle(title)
    return _png(figure)


def clip_gif(source: Path, *, height: int = 96, max_frames: int = 24, fps: float = 8) -> bytes:
    """A video file, or a folder of JPG frames, as a short animated GIF."""
    frames = _read_frames(source, max_frames)
    if not frames:
        raise ValueError(f'{source}: no frame can be read')
    width = round(frames[0].shape[1] * height / frames[0].shape[0])
    images = [
        Image.fromarray(cv2.resize(frame, (width, height), interpolation=cv2.INTER_AREA))
        for frame in frames
    ]
    images = [image.quantize(64) for image in images]
    buffer = io.BytesIO()
    images[0].save(
        buffer, 'GIF', save_all=True, append_images=images[1:], duration=round(1000 / fps), loop=0
    )
    return buffer.getvalue()


def map_plot(title: str, frames: np.ndarray, target: np.ndarray, predicted: np.ndarray) -> bytes:
    """Frames (k, H, W, 3) with target and predicted maps (k, 2, S, S) over them."""
    count = len(frames)
    figure, axes = plt.subplots(
        5, count, squeeze=False, layout='constrained', figsize=(1.5 * count + 1, 8)
    )
    labels = ['frame', *(f'{kind}\n{what}' for kind in _KINDS for what in ('target', 'predicted'))]
    for column in range(count):
        axes[0, column].imshow(frames[column])
        for channel, colour in enumerate((_BLUE, _ORANGE)):
            for offset, values in enumerate((target, predicted)):
                _overlay(
                    axes[1 + 2 * channel + offset, column],
                    frames[column],
                    values[column, channel],
                    colour,
                )
    for axis in axes.flat:
        axis.set(xticks=[], yticks=[])
    for axis, label in zip(axes[:, 0], labels):
        axis.set_ylabel(label)
    figure.suptitle(title)
    return _png(figure)


def _overlay(axis: plt.Axes, frame: np.ndarray, values: np.ndarray, colour: str) -> None:
    grey = np.repeat(frame.mean(2, keepdims=True) / 255 * 0.6, 3, axis=2)
    height, width = frame.shape[:2]
    axis.imshow(grey, extent=(0, width, height, 0))
    rgb = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    layer = np.concatenate(
        [np.broadcast_to(rgb, (*values.shape, 3)), 0.9 * values[..., None].clip(0, 1)], axis=2
    )
    axis.imshow(layer, interpolation='nearest', extent=(0, width, height, 0))


def _read_frames(source: Path, limit: int) -> list[np.ndarray]:
    """Up to ``limit`` RGB frames, evenly over the clip."""
    if source.is_dir():
        names = frame_files(source)
        return [cv2.imread(str(names[i]))[..., ::-1] for i in _evenly(len(names), limit)]
    video = open_frames(str(source))
    return video.get_batch(_evenly(len(video), limit))


def _evenly(count: int, limit: int) -> list[int]:
    return np.linspace(0, count - 1, min(count, limit)).astype(int).tolist() if count else []


def _png(figure: plt.Figure) -> bytes:
    buffer = io.BytesIO()
    figure.savefig(buffer, format='png', dpi=110)
    plt.close(figure)
    return buffer.getvalue()
