"""The numbers behind the reports, and files that are whole or absent."""

import cv2
import numpy as np
import pytest

from egoexo_mm.atomic_files import whole_file
from egoexo_mm.evaluation.class_report import class_accuracy, confusion_matrix, plot_confusion


def test_confusion_matrix():
    assert confusion_matrix(np.array([0, 0, 2]), np.array([0, 1, 1]), 3).tolist() == [
        [1, 1, 0],
        [0, 0, 0],
        [0, 1, 0],
    ]


def test_class_accuracy():
    counts, accuracy = class_accuracy(np.array([0, 0, 2]), np.array([True, False, False]), 3)
    assert counts.tolist() == [2, 0, 1]
    np.testing.assert_array_equal(accuracy, [50, np.nan, 0])


@pytest.mark.parametrize('num_classes', [3, 97])
def test_plot_shows_the_diagonal_and_greys_absent_classes(tmp_path, num_classes):
    matrix = np.diag([5] * (num_classes - 1) + [0])
    plot_confusion(tmp_path / 'm.png', matrix, {0: 'take'}, 'title')
    pixels = cv2.imread(str(tmp_path / 'm.png')).reshape(-1, 3)
    yellow, violet, grey = (
        (np.abs(pixels - np.array(colour)).max(axis=1) < 12).mean()
        for colour in ((37, 231, 253), (84, 1, 68), (217, 217, 217))
    )  # viridis at 1 and at 0, and the background, in BGR
    assert grey / violet == pytest.approx(num_classes / (num_classes - 1) ** 2, rel=0.5)
    assert yellow > 0.5 * violet / num_classes


def test_a_failed_block_leaves_nothing(tmp_path):
    (tmp_path / 'a.txt').write_text('old')
    with pytest.raises(RuntimeError, match='halfway'), whole_file(tmp_path / 'a.txt') as name:
        open(name, 'w').write('new')
        raise RuntimeError('halfway')
    assert (tmp_path / 'a.txt').read_text() == 'old'
    assert [path.name for path in tmp_path.iterdir()] == ['a.txt']
