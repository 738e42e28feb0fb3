"""Sampling, trimming, labels and crops of fine-tuning; the painted rectangle on segments."""

import cv2
import numpy as np
import pytest
import torch
from mmaction.registry import TRANSFORMS
from mmcv.transforms import Compose

import egoexo_mm  # noqa: F401
from egoexo_mm.targets import HAND, OBJECT, Manifest, StoreWriter
from tests.media import write_video


def sample(total_frames, seed=0, start_index=0, **options):
    segment = {key: options.pop(key) for key in ('segment_start',) if key in options}
    transform = TRANSFORMS.build(
        dict(dict(type='SampleClampedFrames', clip_len=32, frame_interval=2), **options)
    )
    np.random.seed(seed)
    return transform(dict(total_frames=total_frames, start_index=start_index, **segment))[
        'frame_inds'
    ]


# ---- SampleClampedFrames


def test_training_starts_cover_both_ends():
    """A clip spans 63 frames, so 65 frames leave the starts 0, 1 and 2."""
    starts = set()
    for seed in range(60):
        found = sample(65, seed)
        np.testing.assert_array_equal(found, found[0] + 2 * np.arange(32))
        starts.add(found[0])
    assert starts == {0, 1, 2}
    np.testing.assert_array_equal(sample(63), 2 * np.arange(32))


def test_short_segments_are_clamped_on_both_sides():
    """10 frames: starts -53 to 0; frames before the segment become its first, others its last."""
    allowed = {tuple(np.clip(start + 2 * np.arange(32), 0, 9)) for start in range(-53, 1)}
    drawn = {tuple(sample(10, seed)) for seed in range(400)}
    assert drawn <= allowed and len(drawn) > 45
    assert (
        tuple(np.clip(2 * np.arange(32), 0, 9)) in drawn
        and tuple(np.clip(-53 + 2 * np.arange(32), 0, 9)) in drawn
    )
    assert sample(1).tolist() == [0] * 32


def test_test_clips():
    """163 frames leave room 100: starts round(100 i / 9), to the very end."""
    found = sample(163, num_clips=10, test_mode=True).reshape(10, 32)
    assert found[:, 0].tolist() == [0, 11, 22, 33, 44, 56, 67, 78, 89, 100]
    assert (np.diff(found, axis=1) == 2).all() and found.max() == 162


def test_test_clips_of_a_short_segment():
    """43 frames, room -20: clip 2 of 5 would start at -10 and end at 52."""
    found = sample(43, num_clips=5, test_mode=True).reshape(5, 32)
    for clip, start in zip(found, [0, -5, -10, -15, -20]):
        np.testing.assert_array_equal(clip, np.clip(start + 2 * np.arange(32), 0, 42))


def test_one_test_clip_is_the_middle_one():
    assert sample(163, test_mode=True)[0] == 50
    assert sample(43, test_mode=True).tolist() == np.clip(-10 + 2 * np.arange(32), 0, 42).tolist()


def test_test_clips_equal_the_host_where_it_clamps_too():
    host = TRANSFORMS.build(
        dict(type='SampleFrames', clip_len=32, frame_interval=2, num_clips=10, test_mode=True)
    )
    for total in (63, 100, 163, 900):
        expected = host(dict(total_frames=total, start_index=0))['frame_inds']
        np.testing.assert_array_equal(sample(total, num_clips=10, test_mode=True), expected)


def test_frame_numbers_of_a_segment():
    inside = sample(80, seed=3)
    np.testing.assert_array_equal(
        sample(80, seed=3, segment_start=1000, start_index=1), inside + 1001
    )


def test_several_training_clips():
    found = sample(500, num_clips=4).reshape(4, 32)
    assert len(set(found[:, 0])) == 4


def test_bad_sampling():
    with pytest.raises(ValueError, match='sample: no frames to sample from'):
        sample(0)
    with pytest.raises(ValueError, match='must be at least 1, got 32, 0 and 1'):
        sample(10, frame_interval=0)


# ---- TrimSegment


def trim(start=None, stop=None, fps=59.94, total=1000):
    times = {} if start is None else dict(start_sec=start, stop_sec=stop)
    found = TRANSFORMS.build(dict(type='TrimSegment'))(
        dict(filename='x.mp4', total_frames=total, avg_fps=fps, **times)
    )
    return found['segment_start'], found['total_frames'], found['source_frames']


def test_trim():
    assert trim(1.56, 2.45, fps=60) == (
        93,
        147 - 93 + 1,
        1000,
    )  # as EPIC-100's frames 93 to 147 for these times
    assert trim(0.58, 1.16, fps=50) == (29, 30, 1000)  # 0.58 * 50 is 28.999..., 1.16 * 50 57.999...
    assert trim(1, 2) == (59, 119 - 59 + 1, 1000)
    assert trim(10, 99) == (599, 401, 1000)  # ends with the video
    assert trim() == (0, 1000, 1000)
    assert trim(fps=None) == (0, 1000, 1000)


def test_bad_trim():
    with pytest.raises(
        ValueError,
        match=r'x\.mp4: the segment from 20 to 21 s does not lie in its 600 frames at 30 fps',
    ):
        trim(20, 21, fps=30, total=600)
    with pytest.raises(ValueError, match=r'x\.mp4: has no frame rate, so 1 s cannot be found'):
        trim(1, 2, fps=0)


# ---- UnionFrameLabels


def union(scope, frame_inds, num_clips=1, start_index=1, labels=([], [0, 3], [], [5], [2], [])):
    transform = TRANSFORMS.build(dict(type='UnionFrameLabels', num_classes=6, scope=scope))
    found = transform(
        dict(
            frame_labels=list(labels),
            frame_inds=np.array(frame_inds),
            num_clips=num_clips,
            start_index=start_index,
        )
    )
    assert 'frame_labels' not in found and found['label'].dtype == torch.float32
    return found['label'].tolist()


def test_union_of_labels():
    # files 2, 4 are the frames 1, 3 from 0: frame 2 between them counts, 4 does not
    assert union('clip', [2, 4]) == [1, 0, 0, 1, 0, 1]
    assert union('clip', [1, 3], start_index=0) == [1, 0, 0, 1, 0, 1]
    assert union('clip', [3, 5], labels=([], [0], [], [1], [], [])) == [
        0,
        1,
        0,
        0,
        0,
        0,
    ]  # frame 3 was not sampled
    assert union('clip', [3, 3]) == [0] * 6
    assert union('clip', [1, 1, 5, 6], num_clips=2) == [
        0,
        0,
        1,
        0,
        0,
        0,
    ]  # nothing between the clips
    assert union('video', [3, 3]) == [1, 0, 1, 1, 0, 1]
    assert union('video', [1], labels=[[], []]) == [0] * 6


def test_a_video_without_labels_of_frames_keeps_its_label():
    """As MMAction2's inference_recognizer gives it."""
    transform = TRANSFORMS.build(dict(type='UnionFrameLabels', num_classes=6, scope='video'))
    assert transform(dict(label=-1)) == dict(label=-1)


def test_bad_scope():
    with pytest.raises(ValueError, match="scope must be 'clip' or 'video', got 'frame'"):
        union('frame', [1])


def test_label_reaches_the_data_sample():
    pipeline = Compose(
        [dict(type='UnionFrameLabels', num_classes=3), dict(type='PackActionInputs')]
    )
    packed = pipeline(
        dict(
            imgs=np.zeros((1, 3, 2, 4, 4), np.uint8),
            frame_labels=[[1], [2]],
            frame_inds=np.array([0, 1]),
            num_clips=1,
            start_index=0,
        )
    )
    assert (
        packed['data_samples'].gt_label.tolist() == [0, 1, 1]
        and packed['data_samples'].gt_label.dtype == torch.float32
    )


# ---- UniformThreeCrop


@pytest.mark.parametrize(
    'height, width, corners',
    [
        (4, 9, [(0, 0), (3, 0), (5, 0)]),  # ceil(5 / 2) = 3
        (4, 10, [(0, 0), (3, 0), (6, 0)]),
        (9, 4, [(0, 0), (0, 3), (0, 5)]),
        (4, 4, [(0, 0)] * 3),
    ],
)
def test_three_crops(height, width, corners):
    frames = [np.arange(height * width * 3).reshape(height, width, 3) + 1000 * t for t in range(2)]
    found = TRANSFORMS.build(dict(type='UniformThreeCrop', crop_size=4))(
        dict(imgs=list(frames), img_shape=(height, width))
    )
    assert len(found['imgs']) == 6 and found['img_shape'] == (4, 4)
    expected = [frame[y : y + 4, x : x + 4] for x, y in corners for frame in frames]
    for crop, other in zip(found['imgs'], expected):
        np.testing.assert_array_equal(crop, other)
    assert found['crop_bbox'].tolist() == [[x, y, x + 4, y + 4] for x, y in corners for _ in frames]


def test_bad_crop():
    with pytest.raises(
        ValueError,
        match=r'short side of 4, resized without lazy=True, got 9 x 5; put dict\(type="Resize"',
    ):
        TRANSFORMS.build(dict(type='UniformThreeCrop', crop_size=4))(
            dict(imgs=[np.zeros((5, 9, 3))])
        )


# ---- painted rectangles: what is painted into frames of a segment lands where its map lights up

FRAMES, FPS, SEGMENT = 60, 30, (25, 49)
SCORES = {HAND: 0.5, OBJECT: 0.75}
CHANNEL = {HAND: 0, OBJECT: 1}  # hands are painted red, objects green


def boxes_of(kind, width, height):
    """(FRAMES, 4) pixels of a rectangle that crosses the frame, so that all frames differ."""
    t = np.arange(FRAMES)
    x, y = (t * 5 - 40, t * 2) if kind == HAND else (width - t * 5, height - 60 - t * 2)
    box = np.stack([x, y, x + 60, y + 45], axis=1)
    return np.clip(box, 0, [width, height, width, height])


@pytest.fixture(scope='module', params=[(170, 128), (128, 200)], ids=['wide', 'tall'])
def painted(request, tmp_path_factory):
    """Frames with two moving rectangles as video and as folder, and a store of their boxes."""
    width, height = request.param
    root = tmp_path_factory.mktemp('painted')
    frames = np.zeros((FRAMES, height, width, 3), np.uint8)
    rows = []
    for kind in (HAND, OBJECT):
        for t, (x1, y1, x2, y2) in enumerate(boxes_of(kind, width, height)):
            frames[t, y1:y2, x1:x2, CHANNEL[kind]] = 255
            if x2 > x1 and y2 > y1:
                rows.append((t, kind, np.array([x1 / width, y1 / height, x2 / width, y2 / height])))
    frame, kind, box = (np.array(column) for column in zip(*rows))
    with StoreWriter(
        str(root / 'store'), Manifest(signal='interaction', dataset='test', teacher='paint')
    ) as writer:
        writer.add_detections(
            'painted',
            frame=frame,
            box=box,
            score=np.where(kind == HAND, *SCORES.values()),
            kind=kind,
            num_frames=FRAMES,
            fps=FPS,
        )
    (root / 'frames').mkdir()
    for t, pixels in enumerate(frames):
        cv2.imwrite(str(root / 'frames' / f'f_{t + 1:05}.png'), pixels[..., ::-1])
    write_video(root / 'painted.avi', frames, fps=FPS, codec='FFV1')
    return root


def sources(root):
    """The same segment, frames 25 to 49 from 0, of a video by time and of a folder by number."""
    first, last = SEGMENT
    video = dict(
        filename=str(root / 'painted.avi'),
        start_index=0,
        start_sec=first / FPS,
        stop_sec=last / FPS,
    )
    folder = dict(
        frame_dir=str(root / 'frames'),
        filename_tmpl='f_{:05}.png',
        start_index=1,
        segment_start=first,
        total_frames=last - first + 1,
        source_frames=None,
    )
    return dict(
        video=([dict(type='DecordInit'), dict(type='TrimSegment')], 'DecordDecode', video),
        folder=([], 'RawFrameDecode', folder),
    )


def inside_and_near(pixels, grid, cell=32):
    """(grid) whether painted pixels touch the middle of a cell; whether they come near the cell."""
    masks = np.zeros((2, *grid), bool)
    for i, j in np.ndindex(grid):
        for mask, margin in zip(masks, (-2, 3)):
            top, left = max(i * cell - margin, 0), max(j * cell - margin, 0)
            mask[i, j] = pixels[top : (i + 1) * cell + margin, left : (j + 1) * cell + margin].any()
    return masks


CHAINS = {
    'train': [
        dict(type='RandomRescale', scale_range=(128, 160)),
        dict(type='RandomCrop', size=96),
        dict(type='Flip'),
    ],
    'test': [dict(type='Resize', scale=(-1, 160)), dict(type='UniformThreeCrop', crop_size=160)],
    'test_unscaled': [dict(type='UniformThreeCrop', crop_size=128)],
}


@pytest.mark.parametrize('source', ['video', 'folder'])
@pytest.mark.parametrize('name', list(CHAINS))
def test_map_lights_up_where_pixels_are(painted, name, source):
    test = name != 'train'
    init, decode, segment = sources(painted)[source]
    chain = Compose(
        init
        + [
            dict(
                type='SampleClampedFrames',
                clip_len=8,
                frame_interval=3,
                num_clips=4 if test else 1,
                test_mode=test,
            ),
            dict(type=decode),
            dict(type='TrackGeometry'),
            *CHAINS[name],
            dict(type='LoadTargets', stores=dict(interaction_map=str(painted / 'store'))),
            dict(type='FormatShape', input_format='NCTHW'),
            dict(type='PackActionInputs', algorithm_keys=('interaction_map',)),
        ]
    )
    lit = dark = 0
    for seed in range(1 if test else 8):
        np.random.seed(seed)
        packed = chain(dict(segment, video_id='painted', label=[1, 2], modality='RGB'))
        views = packed['inputs'].numpy()  # (V, 3, T, H, W)
        maps = packed['data_samples'].interaction_map.numpy()
        maps = maps if test else maps[None]  # (V, 2, T', S, S)
        assert len(views) == len(maps) == (12 if test else 1) and maps.shape[2] == 2
        for v, kind, t in np.ndindex(maps.shape[:3]):
            pixels = (
                views[v, CHANNEL[kind], [0, 7][t]] > 127
            )  # two slow frames: the first and the last
            inside, near = inside_and_near(pixels, maps.shape[3:])
            assert (maps[v, kind, t][inside] == SCORES[kind]).all(), (seed, v, kind, t)
            assert (maps[v, kind, t][~near] == 0).all(), (seed, v, kind, t)
            lit, dark = lit + inside.sum(), dark + (~near).sum()
    assert lit > 20 and dark > 20  # the property was put to the test
    assert packed['data_samples'].gt_label.tolist() == [1, 2]


def test_video_and_folder_give_the_same_clip(painted):
    clips = []
    for init, decode, segment in sources(painted).values():
        sampler = dict(type='SampleClampedFrames', clip_len=8, frame_interval=2, test_mode=True)
        chain = Compose(init + [sampler, dict(type=decode)])
        clips.append(np.stack(chain(dict(segment, modality='RGB'))['imgs']))
    np.testing.assert_array_equal(*clips)
    hand = boxes_of(HAND, clips[0].shape[2], clips[0].shape[1])[
        25 + 5
    ]  # 25 frames, span 15: the middle clip starts at 5
    ys, xs = np.nonzero(clips[0][0, :, :, 0] > 127)
    assert [xs.min(), ys.min(), xs.max() + 1, ys.max() + 1] == hand.tolist()
