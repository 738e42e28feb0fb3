"""Frames once, views later: the same pixels as MMAction2's FormatShape, view by view."""

import numpy as np
import pytest
import torch
from mmaction.registry import TRANSFORMS
from mmcv.transforms import Compose

import egoexo_mm  # noqa: F401
from egoexo_mm.datasets.transforms import FormatViews
from egoexo_mm.models.raw_views import FrameViews
from tests.media import noise_video

PACK = dict(type='PackActionInputs', collect_keys=FormatViews.KEYS)
CROPS = dict(
    three=dict(type='ThreeCrop', crop_size=48),
    uniform=dict(type='UniformThreeCrop', crop_size=48),
    centre=dict(type='CenterCrop', crop_size=48),
    none=dict(type='Resize', scale=(64, 48), keep_ratio=False),
)


def chain(crop, ours, clips=4, length=8):
    sample = dict(
        type='SampleClampedFrames',
        clip_len=length,
        frame_interval=2,
        num_clips=clips,
        test_mode=True,
    )
    once, again = ([dict(type=name)] if ours else [] for name in ('UniqueFrames', 'RepeatFrames'))
    end = (
        [dict(type='FormatViews'), PACK]
        if ours
        else [dict(type='FormatShape', input_format='NCTHW'), dict(type='PackActionInputs')]
    )
    return Compose(
        [
            TRANSFORMS.build(step)
            for step in (
                dict(type='OpenCVInit'),
                sample,
                *once,
                dict(type='OpenCVDecode'),
                dict(type='Resize', scale=(-1, 48)),
                *again,
                crop,
                *end,
            )
        ]
    )


def packed(path, crop, ours, **kwargs):
    return chain(crop, ours, **kwargs)(
        dict(filename=str(path), label=0, start_index=0, modality='RGB')
    )


@pytest.mark.parametrize(
    'size', [(98, 54), (48, 84), (48, 48), (96, 64)], ids=['odd', 'tall', 'square', 'resized']
)
@pytest.mark.parametrize('crop', CROPS)
def test_views_of_format_shape(tmp_path, crop, size):
    path = noise_video(tmp_path / 'clip.mp4', seed=1, num_frames=30, size=size)
    expected, found = (packed(path, CROPS[crop], ours) for ours in (False, True))
    views = FrameViews(**found['inputs'])
    assert len(views) == len(expected['inputs'])
    assert all(torch.equal(view, other) for view, other in zip(views, expected['inputs']))
    assert found['data_samples'].gt_label.tolist() == [0]
    # starts 0, 5, 10 and 15 of 30 frames, each 8 frames 2 apart: even 0-24, odd 5-29
    assert len(found['inputs']['frames']) == 13 + 13
    if crop in ('three', 'uniform') and size == (98, 54):
        # resized to 87 pixels wide: the host's last crop ends at 2 * (39 // 2) + 48 = 86
        assert found['inputs']['frames'].shape[1:3] == (48, dict(three=86, uniform=87)[crop])
        assert expected['inputs'].numel() / found['inputs']['frames'].numel() > 2


def test_frames_that_a_short_video_repeats_are_sent_once(tmp_path):
    path = noise_video(tmp_path / 'clip.mp4', seed=1, num_frames=5, size=(64, 48))
    expected, found = (packed(path, CROPS['three'], ours) for ours in (False, True))
    assert len(found['inputs']['frames']) == 5 and expected['inputs'].shape[:3] == (
        12,
        3,
        8,
    )  # of 4 x 8
    assert torch.equal(torch.stack(list(FrameViews(**found['inputs']))), expected['inputs'])


def test_restored_keys():
    results = dict(frame_inds=np.array([4, 6, 8, 6, 8, 10]), num_clips=2, clip_len=3, label=1)
    once = TRANSFORMS.build(dict(type='UniqueFrames'))(dict(results))
    assert once['frame_inds'].tolist() == [4, 6, 8, 10] and (
        once['num_clips'],
        once['clip_len'],
    ) == (1, 4)
    once['imgs'] = [np.full((2, 2, 3), number) for number in once['frame_inds']]
    back = TRANSFORMS.build(dict(type='RepeatFrames'))(once)
    assert [img[0, 0, 0] for img in back.pop('imgs')] == [4, 6, 8, 6, 8, 10]
    assert back.pop('frame_inds').tolist() == results.pop('frame_inds').tolist() and back == results


def test_wrong_order_of_steps():
    with pytest.raises(
        KeyError, match='put dict\\(type="UniqueFrames"\\) before the decoding transform'
    ):
        TRANSFORMS.build(dict(type='RepeatFrames'))(dict(imgs=[]))
    results = TRANSFORMS.build(dict(type='UniqueFrames'))(
        dict(frame_inds=np.arange(3), num_clips=1, clip_len=3)
    )
    with pytest.raises(
        ValueError,
        match='one picture for each of 3 frames, got 9; put it before transforms that make',
    ):
        TRANSFORMS.build(dict(type='RepeatFrames'))(dict(results, imgs=[0] * 9))


def test_flipped_crops_are_refused(tmp_path):
    path = noise_video(tmp_path / 'clip.mp4', seed=1, num_frames=30, size=(85, 48))
    with pytest.raises(
        ValueError,
        match='expected crops that are parts of their frames, for each of 32 frames, got 320',
    ):
        packed(path, dict(type='TenCrop', crop_size=40), True)
