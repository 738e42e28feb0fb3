"""Names that numpy 2 removed, and hues that overflow; on this numpy, whichever it is."""

import subprocess
import sys
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from mmaction.datasets.transforms.processing import ColorJitter

from egoexo_mm import compat
from egoexo_mm.compat import color_jitter, numpy_names
from egoexo_mm.compat.workaround import package_dir

HOSTS_USE = ('Inf', 'NAN', 'in1d', 'trapz')


@pytest.fixture(autouse=True)
def _applied():
    compat.apply()


@pytest.mark.filterwarnings('ignore')
def test_the_names_mean_what_they_meant():
    assert (
        np.Inf == float('inf') and np.isnan(np.NAN) and np.isnan(np.NaN) and np.float_ is np.float64
    )
    assert np.in1d([[1, 2], [3, 4]], [2, 3]).tolist() == [False, True, True, False]  # flattened
    assert np.in1d([1, 2], [2], invert=True).tolist() == [True, False]
    assert np.trapz([1.0, 3.0], dx=2) == 4.0  # (1 + 3) / 2 * 2


def test_only_what_is_missing_is_set(monkeypatch):
    names = dict.fromkeys(numpy_names._ALIASES.values(), 0)
    fake = SimpleNamespace(
        __version__='2.9', **names, trapezoid='trapezoid', in1d='numpy its own', Inf='own', NaN=1
    )
    monkeypatch.setitem(sys.modules, 'numpy', fake)
    monkeypatch.setattr(numpy_names, 'package_dir', lambda name: '.')
    report = numpy_names.apply()
    assert (fake.in1d, fake.Inf, fake.trapz) == ('numpy its own', 'own', 'trapezoid')
    assert report == compat.Workaround(
        numpy_names.NAME, True, 'numpy 2.9 lacks NAN, float_, trapz; they were set again'
    )
    assert not numpy_names.apply().active


def test_no_other_removed_name_is_used_by_the_hosts():
    """A search of the installed hosts for names that numpy 2 removed.

    The names are those of numpy's migration guide; ruff NPY201 looks for them.
    """
    hosts = [
        str(package_dir(name))
        for name in ('mmaction', 'mmengine', 'mmcv', 'mmdet')
        if package_dir(name)
    ]
    ruff = subprocess.run(
        [
            sys.executable,
            '-m',
            'ruff',
            'check',
            '--isolated',
            '--select',
            'NPY201',
            '--no-cache',
            '--output-format',
            'concise',
            *hosts,
        ],
        capture_output=True,
        text=True,
    )
    if 'No module named ruff' in ruff.stderr:
        pytest.skip('ruff is not installed')
    used = {
        line.split('`')[1].split('.')[-1] for line in ruff.stdout.splitlines() if 'NPY201' in line
    }
    assert used <= {*HOSTS_USE, *numpy_names._ALIASES}, used


@pytest.mark.parametrize('factor', [-0.5, -0.1, -0.004, 0.0, 0.1, 0.29])
def test_hue(factor):
    """Against the host's arithmetic on Python integers: (hue + int(255 factor)) mod 180."""
    rng = np.random.default_rng(0)
    image = rng.uniform(-20, 280, (7, 9, 3)).astype(np.float32)
    hsv = cv2.cvtColor(np.clip(image, 0, 255).astype(np.uint8), cv2.COLOR_RGB2HSV)
    hsv[..., 0] = [[(int(hue) + int(factor * 255)) % 180 for hue in row] for row in hsv[..., 0]]
    expected = cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB).astype(np.float32)
    assert np.array_equal(color_jitter.adjust_hue(image, factor), expected)
    assert np.array_equal(ColorJitter.adjust_hue(image, factor), expected)
    assert factor == 0.0 or not np.array_equal(expected, color_jitter.adjust_hue(image, 0.0))


def test_jitter_runs_for_every_draw():
    np.random.seed(0)
    for _ in range(40):
        frames = [np.random.randint(0, 256, (8, 8, 3), np.uint8) for _ in range(2)]
        out = ColorJitter(hue=0.5).transform(dict(imgs=frames))['imgs']
        assert out[0].dtype == np.uint8 and out[0].shape == (8, 8, 3)


def test_hue_is_left_alone_where_it_works(monkeypatch):

    def own(img, factor):
        return img

    monkeypatch.setattr(ColorJitter, 'adjust_hue', staticmethod(own))
    monkeypatch.setattr(np, '__version__', '2.0.0')
    assert not color_jitter.apply().active
    assert ColorJitter.adjust_hue is own
    monkeypatch.setattr(np, '__version__', '1.26.4')
    assert color_jitter.apply() == compat.Workaround(
        color_jitter.NAME, False, 'numpy 1.26.4 adds a negative number to uint8'
    )
