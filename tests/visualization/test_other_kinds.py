"""Pictures of boxes of other kinds than hands and objects, and of scores of other signals."""

import numpy as np
import pytest

from egoexo_mm.targets import Detections, Manifest, StoreWriter, TargetStore
from egoexo_mm.visualization.draw import draw_detections, kind_colours
from egoexo_mm.visualization.files import VisualizationError
from egoexo_mm.visualization.panels import frame_panel
from egoexo_mm.visualization.text import LINE
from egoexo_mm.visualization.video_targets import VideoTargets

KINDS = ('knife', 'hand', 'gaze')
ABOUT = dict(dataset='toy', teacher='t')


def boxes(*kinds):
    count = len(kinds)
    return Detections(
        slot=np.zeros(count, int),
        box=np.tile(np.float32([0.25, 0.25, 0.75, 0.75]), (count, 1)),
        score=np.ones(count, np.float32),
        kind=np.int8(kinds),
        side=np.full(count, -1),
        contact=np.full(count, -1),
        offset=np.full((count, 2), np.nan, np.float32),
    )


def test_each_kind_has_its_colour():
    colours = kind_colours(KINDS)
    assert len(set(colours)) == 3 and colours[1] == kind_colours(['hand'])[0]
    frame = np.zeros((120, 240, 3), np.uint8)
    for kind, colour in enumerate(colours):
        picture = draw_detections(frame, boxes(kind), KINDS)
        assert (picture[90, 100] == colour).all()  # the lower edge of the box


@pytest.mark.parametrize('count', [1, 2, 3, 5])
def test_panel_of_any_number_of_kinds(count):
    kinds = [f'kind_{i}' for i in range(count)]
    frame = np.full((120, 240, 3), 200, np.uint8)
    panel = frame_panel(frame, 'frame 3', boxes(count - 1), kinds=kinds)
    height, width = panel.shape[:2]
    assert height == 120 + LINE
    column = 4 + 2 * round(((120 - LINE) // 2) * 2 / 2)
    assert width == 240 + -(-count // 2) * column  # two maps below each other
    colour = np.array(kind_colours(kinds)[-1])
    maps = panel[:, 240:].reshape(-1, 3).astype(int)
    assert (np.abs(maps - colour).max(1) < 50).sum() > 300  # the map of the last kind is lit


class Video:
    """Two grey frames."""

    fps = 10.0

    def __len__(self):
        return 2

    def __getitem__(self, number):
        return np.full((120, 240, 3), 100, np.uint8)

    def seconds(self, number):
        return number / self.fps


def test_other_signals_of_a_video(tmp_path):
    act = Manifest(signal='act', score_kind='logits', num_scores=2, classes=['cut', 'mix'], **ABOUT)
    with StoreWriter(tmp_path / 'act', act) as writer:
        writer.add_scores('v', [0, 2])
    with StoreWriter(tmp_path / 'tools', Manifest(signal='tools', kinds=KINDS, **ABOUT)) as writer:
        writer.add_detections('v', frame=[0], box=[[0, 0, 1, 1]], score=[1], kind=[2], num_frames=2)
    stores = {name: TargetStore(tmp_path / name) for name in ('act', 'tools')}
    targets = VideoTargets(Video(), 'v', stores, top=1)
    assert [(bar.name, round(bar.share, 2)) for bar in targets.bars] == [('act: mix', 0.88)]
    assert targets.panel(0).shape != targets.video[0].shape
    twice = dict(stores, interaction=TargetStore(tmp_path / 'tools'))
    with pytest.raises(VisualizationError, match='both have boxes; draw one at a time'):
        VideoTargets(Video(), 'v', twice)


class Slowing(Video):
    """Its second frame is shown after 0.9 s, at a mean rate of 10."""

    steady = False
    times = np.array([0.0, 0.9])


def test_boxes_of_a_copy_of_variable_rate(tmp_path, monkeypatch):
    """Those that training takes: at 0.9 s is frame 9 of the teacher's copy, at 0.1 s frame 1."""
    with StoreWriter(tmp_path / 'tools', Manifest(signal='tools', kinds=KINDS, **ABOUT)) as writer:
        boxes = [[0, 0, 0.1 * number, 1] for number in range(1, 11)]
        writer.add_detections(
            'v', frame=range(10), box=boxes, score=[1] * 10, kind=[0] * 10, num_frames=10, fps=10
        )
    captions = []
    module = 'egoexo_mm.visualization.video_targets.frame_panel'
    monkeypatch.setattr(module, lambda frame, caption, *args, **kwargs: captions.append(caption))
    for video in (Video(), Slowing()):
        VideoTargets(video, 'v', dict(tools=TargetStore(tmp_path / 'tools'))).panel(1)
    assert captions == ['frame 1, 0.10 s', 'frame 1, 0.10 s; boxes: frame 9 of the teacher']
