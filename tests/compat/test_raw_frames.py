"""A video for a pipeline of frame folders, as MMAction2's inference_recognizer gives it."""

import numpy as np
import pytest
from mmaction.registry import TRANSFORMS
from mmcv.transforms import Compose

import egoexo_mm  # noqa: F401
from tests.media import noise_video

SAMPLE = dict(type='SampleClampedFrames', clip_len=8, frame_interval=3, num_clips=2, test_mode=True)


def clip(path, *steps):
    with np.errstate(all='raise'):
        steps = [dict(type=step) if isinstance(step, str) else step for step in steps]
        return Compose(steps)(dict(filename=str(path), label=-1, start_index=0, modality='RGB'))


@pytest.mark.parametrize('length', [40, 5])
def test_frames_are_those_of_a_pipeline_for_videos(tmp_path, length):
    path = noise_video(tmp_path / 'a.mp4', 3, num_frames=length)
    found = clip(path, SAMPLE, 'UniqueFrames', 'RawFrameDecode', 'RepeatFrames')
    expected = clip(path, 'ClipReaderInit', 'TrimSegment', SAMPLE, 'DecordDecode')
    assert found['frame_inds'].tolist() == expected['frame_inds'].tolist()
    assert np.array_equal(found['imgs'], expected['imgs'])
    assert found['img_shape'] == expected['img_shape'] == (48, 64)


def test_folders_are_left_to_the_host(tmp_path):
    decode = TRANSFORMS.build(dict(type='RawFrameDecode'))
    with pytest.raises(KeyError, match='frame_dir'):
        decode(dict(filename='a.mp4', frame_inds=np.array([0])))
    with pytest.raises(FileNotFoundError):
        decode(
            dict(
                frame_dir=str(tmp_path),
                filename_tmpl='{}.jpg',
                frame_inds=np.array([0]),
                modality='RGB',
                video_reader=None,
            )
        )
