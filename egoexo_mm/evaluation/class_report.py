"""What a metric reports of single classes: a csv table and a confusion plot.

Legend: N samples, C classes.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from egoexo_mm.atomic_files import whole_file

_NAMED_TICKS = 40  # with more classes than this the axes carry ids, every tenth


def confusion_matrix(labels: np.ndarray, predictions: np.ndarray, num_classes: int) -> np.ndarray:
    """(C, C) counts, true class by predicted class, from (N,) ids each."""
    return np.bincount(labels * num_classes + predictions, minlength=num_classes**2).reshape(
        num_classes, num_classes
    )


def class_accuracy(
    labels: np.ndarray, hits: np.ndarray, num_classes: int
) -> tuple[np.ndarray, np.ndarray]:
    """Samples (C,) of each class, and percent (C,) of them that ``hits`` (N,) marks as right.

    The percentage of a class without samples is NaN.
    """
    counts = np.bincount(labels, minlength=num_classes)
    right = np.bincount(labels[hits], minlength=num_classes)
    return counts, np.where(counts > 0, 100.0 * right / np.maximum(counts, 1), np.nan)


def write_class_files(
    folder: str | os.PathLike,
    kind: str,
    labels: np.ndarray,
    scores: np.ndarray,
    names: Mapping[int, str] | None,
) -> None:
    """Write ``{kind}_classes.csv`` with the top-1 of each class and ``{kind}_confusion.png``.

    Args:
        folder: Where to write.
        kind: What the classes are, in the singular.
        labels: (N,) class ids.
        scores: (N, C), the best class is the prediction.
        names: class id -> name.
    """
    predictions, num_classes = scores.argmax(axis=1), scores.shape[1]
    counts, accuracy = class_accuracy(labels, predictions == labels, num_classes)
    write_class_report(Path(folder, f'{kind}_classes.csv'), counts, dict(top1=accuracy), names)
    matrix = confusion_matrix(labels, predictions, num_classes)
    title = f'{kind}s, {len(labels)} segments'
    plot_confusion(Path(folder, f'{kind}_confusion.png'), matrix, names, title)


def write_class_report(
    path: str | os.PathLike,
    counts: np.ndarray,
    columns: Mapping[str, np.ndarray],
    names: Mapping[int, str] | None = None,
) -> None:
    """Write a row for each class: id, name, number of samples and one column a measure.

    A measure that is NaN is left empty.
    """
    names = names or {}
    with whole_file(path) as temporary, open(temporary, 'w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file)
        writer.writerow(['class_id', 'name', 'count', *columns])
        for number, count in enumerate(counts):
            values = [column[number] for column in columns.values()]
            cells = ['' if np.isnan(value) else f'{value:.6g}' for value in values]
            writer.writerow([number, names.get(number, ''), int(count), *cells])


def plot_confusion(
    path: str | os.PathLike,
    matrix: np.ndarray,
    names: Mapping[int, str] | None = None,
    title: str = '',
) -> None:
    """Draw a confusion matrix to a png file.

    Args:
        path: of the file.
        matrix: (C, C) counts, true class by predicted class; drawn as shares of the true class.
        names: class id -> name; written on the axes of up to 40 classes.
        title: above the plot.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    # not pyplot, which needs a display and keeps global state
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    totals = matrix.sum(axis=1, keepdims=True)
    # a class without samples is NaN and stays grey
    shares = np.where(totals > 0, matrix / np.maximum(totals, 1), np.nan)
    size = len(matrix)
    few = size <= _NAMED_TICKS
    ticks = np.arange(0, size, 1 if few else 10 if size <= 150 else 25)
    shown = names if few and names else {}
    ids = [f'{tick} {shown[tick]}' if tick in shown else str(tick) for tick in ticks]
    figure = Figure(figsize=(10, 9), layout='constrained')
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    axes.set_facecolor('0.85')
    image = axes.imshow(shares, vmin=0, vmax=1, cmap='viridis', interpolation='nearest')
    axes.set_xticks(ticks, ids, rotation=90)
    axes.set_yticks(ticks, ids)
    axes.set(xlabel='predicted class', ylabel='true class', title=title)
    figure.colorbar(image, label='share of the true class (grey: no sample)', shrink=0.8)
    with whole_file(path) as temporary:
        figure.savefig(temporary, dpi=150, format='png')
