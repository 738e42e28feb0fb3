"""What a metric says about single classes: a csv table and a confusion plot.

Legend: N samples, C classes.
"""

from __future__ import annotations

import csv
import os
from collections.abc import Mapping

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
    """Samples of each class (C,), and percent of them that ``hits`` (N,) marks right (C,), NaN for absent classes."""
    counts = np.bincount(labels, minlength=num_classes)
    right = np.bincount(labels[hits], minlength=num_classes)
    return counts, np.where(counts > 0, 100.0 * right / np.maximum(counts, 1), np.nan)


def write_class_report(
    path: str | os.PathLike,
    counts: np.ndarray,
    columns: Mapping[str, np.ndarray],
    names: Mapping[int, str] | None = None,
) -> None:
    """Write a row for each class: id, name, number of samples, and one column a measure, empty where it is NaN."""
    names = names or {}
    with whole_file(path) as temporary, open(temporary, 'w', newline='', encoding='utf-8') as file:
        writer = csv.writer(file)
        writer.writerow(['class_id', 'name', 'count', *columns])
        for number, count in enumerate(counts):
            values = [
                '' if np.isnan(column[number]) else f'{column[number]:.6g}'
                for column in columns.values()
            ]
            writer.writerow([number, names.get(number, ''), int(count), *values])


def plot_confusion(
    path: str | os.PathLike,
    matrix: np.ndarray,
    names: Mapping[int, str] | None = None,
    title: str = '',
) -> None:
    """Draw a confusion matrix to a png file.

    Args:
        matrix: (C, C) counts, true class by predicted class; drawn as shares of the true class.
        names: class id -> name; written on the axes of up to 40 classes.

    Raises:
        ModuleNotFoundError: matplotlib is not installed.
    """
    from matplotlib.backends.backend_agg import (
        FigureCanvasAgg,
    )  # not pyplot: no display and no global state
    from matplotlib.figure import Figure

    totals = matrix.sum(axis=1, keepdims=True)
    shares = np.where(
        totals > 0, matrix / np.maximum(totals, 1), np.nan
    )  # NaN: a class without samples stays grey
    size = len(matrix)
    few = size <= _NAMED_TICKS
    ticks = np.arange(0, size, 1 if few else 10 if size <= 150 else 25)
    ids = [
        f'{tick} {names[tick]}' if few and names and tick in names else str(tick) for tick in ticks
    ]
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
