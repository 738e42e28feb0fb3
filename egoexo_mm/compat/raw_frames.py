"""Pipelines of frame folders in MMAction2's own inference.

Broken: ``inference_recognizer``, ``demo.py`` and ``vis_cam.py`` hand the file of a video to the
test pipeline of the config, whatever it reads. One that reads folders of frames, as those of
EPIC-KITCHENS and Charades-Ego do, ends in ``KeyError: 'frame_dir'``.
Workaround: ``RawFrameDecode`` decodes a video that an earlier transform has opened (our
``SampleClampedFrames`` does so where the frames of a sample are not counted).
Inactive: for samples with a ``frame_dir``.
Delete: once MMAction2's functions adapt the pipeline to their input, as its Inferencer does.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from .workaround import Workaround, wrap

NAME = 'videos for pipelines of frame folders'


def apply() -> Workaround:
    """Wrap the decoding of frames."""
    from mmaction.datasets.transforms import RawFrameDecode

    wrap(RawFrameDecode, 'transform', _decode)
    return Workaround(NAME, True, 'RawFrameDecode takes opened videos too')


def _decode(original: Callable, self: Any, results: dict) -> dict:
    if 'frame_dir' in results or 'video_reader' not in results:
        return original(self, results)
    from mmaction.datasets.transforms import DecordDecode

    return DecordDecode().transform(results)
