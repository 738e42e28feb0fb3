"""Decoded frames that are kept, and pairs of verb and noun as labels."""

import re

import cv2
import numpy as np
import pytest
import torch
from mmaction.registry import TRANSFORMS
from mmcv.transforms import Compose

import study.modules  # noqa: F401
from tests.media import noise_video


def grey(values, size=(16, 24)):
    return [np.full((*size, 3), value, np.uint8) for value in values]


def test_video_is_decoded_once_and_its_frames_are_those_of_decord(tmp_path):
    path = str(noise_video(tmp_path / 'clip.mp4', seed=0, num_frames=20))
    sample = dict(type='SampleClampedFrames', clip_len=4, frame_interval=3, test_mode=True)
    kept = Compose([dict(type='LoadWholeVideo'), sample, dict(type='ArrayDecode')])
    host = Compose([dict(type='DecordInit'), sample, dict(type='DecordDecode')])
    expected = host(dict(filename=path, start_index=0))
    first = kept(dict(filename=path, start_index=0))
    (tmp_path / 'clip.mp4').unlink()
    for found in (first, kept(dict(filename=path, start_index=0))):
        assert found['total_frames'] == 20 and found['img_shape'] == (48, 64)
        np.testing.assert_array_equal(np.stack(found['imgs']), np.stack(expected['imgs']))
    with pytest.raises(ValueError, match='read-only'):
        first['imgs'][0][:] = 0


def test_segments_of_a_folder_do_not_mix(tmp_path):
    """Frames 1 to 8 hold 10 to 80; the second segment of four is 50 to 80, and colours stay RGB."""
    for number, frame in enumerate(grey(range(10, 90, 10)), 1):
        frame[..., 2] += 5  # red, as OpenCV writes BGR
        cv2.imwrite(str(tmp_path / f'{number}.png'), frame)
    load = TRANSFORMS.build(dict(type='LoadWholeVideo'))
    row = dict(frame_dir=str(tmp_path), filename_tmpl='{}.png', start_index=1)
    for start, values in ((0, [10, 20, 30, 40]), (4, [50, 60, 70, 80])):
        found = load(dict(row, segment_start=start, total_frames=4))
        assert found['array'][:, 0, 0, 1].tolist() == values
        assert found['array'][0, 0, 0].tolist() == [values[0] + 5, values[0], values[0]]
        assert found['total_frames'] == 4
        clip = dict(type='SampleClampedFrames', clip_len=4, frame_interval=1, test_mode=True)
        sampled = TRANSFORMS.build(clip)(found)
        assert sampled['frame_inds'].tolist() == [0, 1, 2, 3]  # in the array
        assert (sampled['frame_inds'] - sampled['start_index']).tolist() == list(
            range(start, start + 4)
        )  # in the video
    with pytest.raises(FileNotFoundError, match='9.png'):
        load(dict(row, segment_start=4, total_frames=5))


@pytest.mark.parametrize(
    ('pair', 'expected'), [(0, [0, 0]), (7, [0, 7]), (8, [1, 0]), (47, [5, 7])]
)
@pytest.mark.parametrize('one_hot', [False, True])
def test_pair_to_verb_and_noun(pair, expected, one_hot):
    label = torch.nn.functional.one_hot(torch.tensor(pair), 48).float() if one_hot else pair
    assert (
        TRANSFORMS.build(dict(type='PairToVerbNoun', num_nouns=8))(dict(label=label))['label']
        == expected
    )


@pytest.mark.parametrize('classes', [[], [3, 9]])
def test_a_video_of_other_than_one_pair_is_named(classes):
    label = torch.zeros(48)
    label[classes] = 1
    message = re.escape(f'TR001EGO: expected one pair of verb and noun, got the classes {classes}')
    with pytest.raises(ValueError, match=message):
        TRANSFORMS.build(dict(type='PairToVerbNoun', num_nouns=8))(
            dict(label=label, video_id='TR001EGO')
        )
