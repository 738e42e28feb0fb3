"""Drawn videos: maps lie where their crops were, and labels are those of the window."""

import shutil

import cv2
import numpy as np
import pytest
import torch

from egoexo_mm.inference import EgoExoInferencer, Source, find_sources
from egoexo_mm.inference.clips import ClipPipeline
from egoexo_mm.inference.film import SampleMaps
from egoexo_mm.inference.sources import drawn_bases
from egoexo_mm.interaction_maps import MapGeometry
from egoexo_mm.video.frame_sets import ArrayFrames
from egoexo_mm.visualization.draw import COLOURS
from egoexo_mm.visualization.predictions import place_maps
from egoexo_mm.visualization.text import LINE
from tests.inference import cases

SAMPLE = dict(type='SampleFrames', clip_len=4, frame_interval=2, num_clips=2, test_mode=True)
CROPS = dict(
    stock=[
        dict(type='ThreeCrop', crop_size=64),
        dict(type='FormatShape', input_format='NCTHW'),
        dict(type='PackActionInputs'),
    ],
    ours=[
        dict(type='UniformThreeCrop', crop_size=64),
        dict(type='FormatViews'),
        dict(type='PackActionInputs', collect_keys=('frames', 'clip_frames', 'crops')),
    ],
    centre=[
        dict(type='CenterCrop', crop_size=64),
        dict(type='FormatShape', input_format='NCTHW'),
        dict(type='PackActionInputs'),
    ],
)


@pytest.mark.parametrize('crops', CROPS)
def test_regions_are_where_the_pixels_are_from(crops):
    """A gradient from left to right tells which columns of the frame a crop shows."""
    frames = np.tile(np.arange(256, dtype=np.uint8)[None, None, :, None], (12, 128, 1, 3))
    steps = [SAMPLE, dict(type='DecordDecode'), dict(type='Resize', scale=(-1, 64)), *CROPS[crops]]
    packed = ClipPipeline(steps, views=True)(ArrayFrames(frames), 'a')
    sample, inputs = packed['data_samples'], packed['inputs']
    low = -np.asarray(sample.view_offset) / sample.view_scale
    assert len(low) == (1 if crops == 'centre' else 3)
    for crop, (x, y) in enumerate(low):
        if crops == 'ours':
            x1, _, x2, _ = inputs['crops'][crop].tolist()
            row = inputs['frames'][0, 32, x1:x2, 0]
        else:
            row = inputs[2 * crop, 0, 0, 32]  # first clip of the crop
        # columns of 2 pixels: the first is the mean of pixels 2k and 2k + 1
        assert float(row[0]) == pytest.approx(x * 256 + 0.5, abs=1) and y == pytest.approx(0)
        assert float(row[-1]) == pytest.approx((x + 1 / sample.view_scale[0]) * 256 - 1.5, abs=1)
    np.testing.assert_array_equal(sample.view_frames, [[0, 2, 4, 6], [5, 7, 9, 11]])


def test_maps_of_crops_become_one_map():
    left, right = np.zeros((2, 2, 2))
    left[0, 0], right[1, 1] = 1, 0.5
    regions = np.array([[0, 0, 0.5, 1], [0.5, 0, 1, 1]])
    found = place_maps(np.stack([left, right]), regions, (8, 8))
    # cells of 4 x 2 pixels; the corner of a cell in the corner keeps its value
    assert found[0, 0] == 1 and found[-1, -1] == 0.5 and found[0, -1] == found[-1, 0] == 0
    both = place_maps(
        np.stack([np.ones((2, 2)), np.zeros((2, 2))]), np.array([[0, 0, 1, 1]] * 2), (4, 4)
    )
    np.testing.assert_allclose(both, 0.5)


def test_a_frame_has_the_map_of_the_nearest_one():
    class Sample:
        view_frames = np.array([[0, 2, 4, 6], [4, 6, 8, 10]])

        view_scale, view_offset, first_frame = np.array([1, 1]), np.zeros((1, 2)), 100

    maps = np.zeros((2, 1, 2, 1, 1))  # 2 clips, maps of their first and third frame
    maps[0, 0, 1] = 0.5  # frame 4 of the first clip, which comes before that of the second
    maps[1, 0, 1] = 1  # frame 8
    found = SampleMaps(Sample, maps, MapGeometry(time_stride=2, frame_sampling='stride'))
    assert found.numbers.tolist() == [100, 104, 108]
    assert [found.at(n, (1, 1)).item() for n in (100, 103, 106, 107, 150)] == [0, 0.5, 0.5, 1, 1]


def test_maps_of_a_2d_recognizer_are_one_clip_of_all_crops():
    class Sample:
        view_frames = np.array([[3], [7]])  # two clips of a frame, which are one clip
        view_scale, first_frame = np.array([2, 1]), 0
        view_offset = np.array([[0, 0], [-1, 0]])  # left half, right half

    maps = np.array([0.1, 0.2, 0.3, 0.4]).reshape(1, 1, 4, 1, 1)  # left 3, left 7, right 3, right 7
    geometry = MapGeometry(time_stride=1, frame_sampling='stride', join_clips=True)
    found = SampleMaps(Sample, maps, geometry)
    np.testing.assert_allclose(found.at(3, (1, 2)), [[[0.1, 0.3]]])
    np.testing.assert_allclose(found.at(9, (1, 2)), [[[0.2, 0.4]]])


@pytest.fixture(scope='module')
def case(tmp_path_factory):
    return cases.kinetics(tmp_path_factory.mktemp('film'), num_videos=1, num_frames=30)


def test_a_checkpoint_to_a_drawn_video(case, tmp_path):
    """The map head is set to say "hand everywhere"; the film shows the colour, PNG the same."""
    state = torch.load(case.checkpoint, weights_only=True)
    for name in ('weight', 'bias'):
        state['state_dict'][f'aux_heads.interaction_map.conv_map.{name}'].zero_()
    state['state_dict']['aux_heads.interaction_map.conv_map.bias'].copy_(torch.tensor([9.0, -9]))
    torch.save(state, tmp_path / 'hand.pth')
    inferencer = EgoExoInferencer(case.cfg, tmp_path / 'hand.pth', 'cpu', classes=['cut', 'peel'])
    assert inferencer.map_kinds() == {0: 'hand', 1: 'object'}
    video = case.root / 'videos' / 'clip_0.mp4'
    found = inferencer(
        str(video), window=0.5, draw=tmp_path, draw_stride=10, return_vis=True, num_workers=0
    )
    assert [row['start'] for row in found['predictions']] == [0, 0.5]
    capture = cv2.VideoCapture(str(tmp_path / 'clip_0.mp4'))
    there, frame = capture.read()
    # 480 x 360 below a line, above the legend and two bars
    assert there and frame.shape == (LINE + 360 + 3 * LINE, 480, 3)
    assert capture.get(cv2.CAP_PROP_FRAME_COUNT) == 3 and capture.get(cv2.CAP_PROP_FPS) == 3
    middle = frame[LINE + 180, 240, ::-1].astype(int)
    plain = cv2.VideoCapture(str(video)).read()[1][24, 32, ::-1]
    expected = 0.25 * plain + 0.75 * np.array(COLOURS['hand'])
    np.testing.assert_allclose(middle, expected, atol=25)
    (sheet,) = found['visualization']
    np.testing.assert_array_equal(cv2.imread(str(tmp_path / 'clip_0.png'))[..., ::-1], sheet)


def test_an_input_is_never_drawn_over(case, tmp_path):
    video = tmp_path / 'clip.mp4'
    shutil.copy(case.root / 'videos' / 'clip_0.mp4', video)
    content = video.read_bytes()
    inferencer = EgoExoInferencer(case.cfg, case.checkpoint, 'cpu')
    (tmp_path / 'other').mkdir()
    (tmp_path / 'other' / 'clip.mp4').symlink_to(video)
    for folder in (tmp_path, tmp_path / 'other'):
        with pytest.raises(ValueError, match=rf'{folder}/clip.mp4 is an input, and drawing would'):
            inferencer(str(video), draw=folder)
    with pytest.raises(ValueError, match='is an input'):
        inferencer.draw(find_sources(str(video))[0], [], tmp_path / 'clip')
    assert video.read_bytes() == content
    # of another source; and a folder of frames, which the picture would join
    sources = [Source('elsewhere/clip.mp4'), Source(str(video))]
    with pytest.raises(ValueError, match='is an input'):
        drawn_bases(sources, tmp_path)
    with pytest.raises(ValueError, match='would count as its frames'):
        drawn_bases([Source(str(tmp_path))], tmp_path)
    # earlier drawings are replaced
    (tmp_path / 'drawn').mkdir()
    (tmp_path / 'drawn' / 'clip.mp4').write_bytes(b'drawn')
    assert drawn_bases(sources, tmp_path / 'drawn') == [
        tmp_path / 'drawn' / 'clip',
        tmp_path / 'drawn' / 'clip_1',
    ]
    assert drawn_bases([Source('caf\udce9.mp4')], tmp_path) == [tmp_path / r'caf\udce9']


def test_an_untrained_map_is_not_drawn(case):
    cfg = case.cfg.copy()
    cfg.model.aux_heads.interaction_map.loss_held_object = dict(
        type='InteractionMapLoss', loss_weight=0
    )
    assert EgoExoInferencer(cfg, case.checkpoint, 'cpu').map_kinds() == {0: 'hand'}


def test_a_stripped_checkpoint_says_that_maps_are_gone(case, tmp_path):
    from egoexo_mm.checkpoints.stripping import strip

    strip(case.root / 'weights.pth', tmp_path / 'plain.pth')
    inferencer = EgoExoInferencer(case.cfg, tmp_path / 'plain.pth', 'cpu')
    assert not inferencer.has_maps
    with pytest.raises(ValueError, match=r'plain.pth has no weights of aux_heads.interaction_map'):
        inferencer.map_kinds()
    video = str(case.root / 'videos' / 'clip_0.mp4')
    sheet = inferencer(video, return_vis=True, draw_stride=10)['visualization'][0]
    assert sheet.shape[1] > 480  # labels alone


def test_maps_of_a_pass_equal_those_of_the_head(case):
    inferencer = EgoExoInferencer(case.cfg, case.checkpoint, 'cpu')
    sources = find_sources(str(case.root / 'videos' / 'clip_0.mp4'))
    (sample,) = inferencer.stream(sources, maps=True)
    (batch,) = inferencer.preprocess(sources)
    data = inferencer.model.data_preprocessor(inferencer.collate_fn(batch), False)
    with torch.no_grad():
        expected = inferencer.model.aux_predictions(data['inputs'], 'interaction_map')
    assert sample.pred_interaction_map.shape == (6, 2, 4, 2, 2)  # 2 clips of 3 crops
    torch.testing.assert_close(sample.pred_interaction_map, expected, rtol=1e-5, atol=1e-6)


def test_a_frame_that_only_the_film_shows_is_broken(case, tmp_path):
    """The answer stands, there is no film, and the failure says so."""
    frames = np.full((60, 48, 64, 3), 90, np.uint8)
    folder = tmp_path / 'frames'
    folder.mkdir()
    for number, frame in enumerate(frames):
        cv2.imwrite(str(folder / f'{number:02}.jpg'), frame)
    (folder / '59.jpg').write_bytes(b'no picture')
    inferencer = EgoExoInferencer(case.cfg, case.checkpoint, 'cpu')
    found = inferencer(
        str(folder), draw=tmp_path / 'drawn', draw_stride=59, return_vis=True, fps=30
    )
    assert len(found['predictions']) == 1 and found['visualization'] == [None]
    (failure,) = found['failures']
    assert (failure.path, failure.reason) == (
        str(folder),
        'is not drawn: 59.jpg cannot be decoded',
    )
    assert not any((tmp_path / 'drawn').glob('*.mp4'))


def test_a_short_segment_has_a_picture(case, tmp_path):
    """Of 30 frames a second: one segment between two of them, and one of frames 9 to 14."""
    video = str(case.root / 'videos' / 'clip_0.mp4')
    inferencer = EgoExoInferencer(case.cfg, case.checkpoint, 'cpu')
    sources = [Source(video, start=0.31, end=0.32), Source(video, start=0.3, end=0.5)]
    found = inferencer(sources, draw=tmp_path, draw_stride=5, num_workers=0)
    assert not found['failures'] and len(found['predictions']) == 2
    counts = [
        cv2.VideoCapture(str(tmp_path / f'{name}.mp4')).get(cv2.CAP_PROP_FRAME_COUNT)
        for name in ('clip_0', 'clip_0_1')
    ]
    assert counts == [1, 2]  # of 6 frames


def test_a_film_that_cannot_be_written_does_not_end_the_others(case, tmp_path, monkeypatch):
    video = str(case.root / 'videos' / 'clip_0.mp4')
    frames = np.zeros((4, 32, 32, 3), np.uint8)
    inferencer = EgoExoInferencer(case.cfg, case.checkpoint, 'cpu')
    # more frames a second than an encoder takes
    sources = [Source('fast', frames, fps=1e6), Source(video)]
    found = inferencer(sources, draw=tmp_path, draw_stride=10, num_workers=0)
    assert len(found['predictions']) == 2
    (failure,) = found['failures']
    assert failure.path == 'fast' and 'is not drawn: ' in failure.reason
    assert [path.name for path in tmp_path.glob('*.mp4')] == ['clip_0.mp4']

    def broken():
        raise ValueError('of the model')
        yield

    with pytest.raises(ValueError, match='of the model'):
        inferencer.draw(sources[1], broken(), None)
