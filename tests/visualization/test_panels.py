"""A frame's panel, the bars of scores, names, and pictures put together."""

from __future__ import annotations

import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from egoexo_mm.visualization import (
    COLOURS,
    VisualizationError,
    fit_short_side,
    frame_panel,
    grid,
    imagenet_names,
    letterbox,
    read_names,
    score_bars,
    score_strip,
)
from egoexo_mm.visualization.text import BACKGROUND, LINE
from tests.visualization.test_draw_targets import HELD


@pytest.mark.parametrize(
    'size, expected',
    [((144, 176), (360, 440)), ((1080, 1920), (360, 640)), ((320, 176), (656, 360))],
)
def test_small_frames_are_enlarged_and_large_ones_shrunk(size, expected):
    assert fit_short_side(np.zeros((*size, 3), np.uint8), 360).shape[:2] == expected


def test_maps_beside_the_frame():
    panel = frame_panel(
        np.full((120, 240, 3), 200, np.uint8), 'frame 3', HELD, cells=4, min_score=0.75
    )
    # small maps of (120 - LINE) / 2 = 50 pixels by 100, from x = 240 + 4, each below a line of text
    assert panel.shape == (120 + LINE, 240 + 4 + 100, 3)
    hand, thing = (
        panel[LINE : LINE + 50, 244:].astype(int),
        panel[2 * LINE + 50 :, 244:].astype(int),
    )
    assert (hand[5, 5] == 120).all() and hand[
        30, 6, 2
    ] > 200  # dim grey; cells 0-2 x 2-3 of the 8 x 4
    assert (hand[30, 5 + 37] == 120).all()
    assert (
        thing[25, 60].tolist() == [195, 147, 38] and (thing[45, 60] == 120).all()
    )  # 0.8 * 0.85 of colour
    assert thing[5, 10, 0] == 185  # the map has the object that scores 0.7 ...
    assert (panel[LINE + 15 : LINE + 25, 26:46] == 200).all()  # ... whose box is not drawn


def test_without_boxes_there_is_the_frame_alone():
    panel = frame_panel(np.full((120, 240, 3), 200, np.uint8), 'frame 3')
    assert (
        panel.shape == (120 + LINE, 240, 3)
        and (panel[LINE:] == 200).all()
        and (panel[:LINE] != BACKGROUND[0]).any()
    )


def test_bars_are_the_softmax_of_logits():
    scores = np.log(np.float32([1, 6, 3]))
    bars = score_bars(scores, 'logits', None, 2, COLOURS['score'])
    assert [bar.name for bar in bars] == ['class 1', 'class 2']
    np.testing.assert_allclose([bar.share for bar in bars], [0.6, 0.3], atol=1e-6)
    bars = score_bars(
        np.float32([0.25, 0.75]), 'probabilities', ['cup', 'pan'], 5, COLOURS['score']
    )
    assert bars[0][:2] == ('pan', 0.75) and bars[1][:2] == ('cup', 0.25)
    strip = score_strip(bars, 300)
    filled = (strip == COLOURS['score']).all(2).sum(1)
    trough = (strip == 64).all(2).sum(1)
    assert strip.shape == (2 * LINE, 300, 3)
    for row, share in ((15, 0.75), (LINE + 15, 0.25)):  # below the text
        assert filled[row] == round(share * (filled + trough)[row])


def test_names_of_a_file(tmp_path):
    file = tmp_path / 'names.txt'
    file.write_text('cup\npan \n')
    assert read_names(file, 2) == ['cup', 'pan']
    with pytest.raises(
        VisualizationError,
        match=r'names.txt: has 2 lines, but the store has scores of 1000 classes; give',
    ):
        read_names(file, 1000)
    file.write_text('cup\n\n')
    with pytest.raises(
        VisualizationError, match='has 2 lines, line 2 is empty, but the store has scores of 2'
    ):
        read_names(file, 2)
    with pytest.raises(
        VisualizationError, match=r'none.txt: cannot be read \(No such file or directory\)'
    ):
        read_names(tmp_path / 'none.txt', 2)


def test_names_of_torchvision(monkeypatch):
    monkeypatch.setattr('egoexo_mm.visualization.class_names.find_spec', lambda name: None)
    assert imagenet_names() is None
    monkeypatch.setattr('egoexo_mm.visualization.class_names.find_spec', lambda name: name)
    module = ModuleType('torchvision.models')
    module.ResNet18_Weights = SimpleNamespace(
        DEFAULT=SimpleNamespace(meta=dict(categories=['tench', 'goldfish']))
    )
    for name, value in (('torchvision', ModuleType('torchvision')), ('torchvision.models', module)):
        monkeypatch.setitem(sys.modules, name, value)
    assert imagenet_names() == ['tench', 'goldfish']
    monkeypatch.setitem(sys.modules, 'torchvision.models', None)  # does not import
    assert imagenet_names() is None


def test_grid_and_letterbox():
    tiles = [np.full((10, 20, 3), 50 * i, np.uint8) for i in (1, 2, 3)]
    out = grid(tiles, columns=2, gap=4)
    assert out.shape == (4 + 14 + 14, 4 + 24 + 24, 3)
    assert (
        (out[4:14, 28:48] == 100).all()
        and (out[18:28, 4:24] == 150).all()
        and (out[18:28, 28:48] == BACKGROUND[0]).all()
    )
    boxed = letterbox(np.full((10, 40, 3), 90, np.uint8), 80, 60)
    assert (boxed[20:40] == 90).all() and (boxed[:20] == 0).all() and (boxed[40:] == 0).all()
