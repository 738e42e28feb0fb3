"""Several clips of a video that is decoded once (https://arxiv.org/abs/1901.09335).

MMAction2's ``RepeatAugDataset`` does this for ``DecordInit`` at the head of a pipeline. Here it is
any pipeline: what comes before the sampling of frames runs once, decoding runs once for the frames
of all clips, and every other transform runs for each clip with random draws of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
from mmaction.datasets.transforms import DecordDecode, OpenCVDecode, PyAVDecode, RawFrameDecode

DECODERS = (DecordDecode, OpenCVDecode, PyAVDecode, RawFrameDecode)


def repeat_clips(
    steps: Sequence,
    info: dict,
    num_repeats: int,
    sample_once: bool,
    run: Callable[[Sequence, dict], dict | None],
) -> list[dict] | None:
    """Clips of one video.

    Args:
        steps: Transforms of a pipeline.
        info: Its input.
        num_repeats: Number of clips.
        sample_once: All clips have the same frames.
        run: Runs some of the transforms; gives None where one of them does.

    Returns:
        The results of the pipeline, None where a transform gave none.

    Raises:
        ValueError: The pipeline does not sample frames and decode them.
    """
    decoder = next((i for i, step in enumerate(steps) if isinstance(step, DECODERS)), None)
    if decoder is None:
        names = ', '.join(one.__name__ for one in DECODERS)
        raise ValueError(f'num_repeats needs a pipeline with one of {names}; set num_repeats=1')
    opened, sampler = info, 0
    for sampler in range(decoder):  # up to the transform that samples frames
        before = dict(opened)
        opened = run(steps[sampler : sampler + 1], opened)
        if opened is None:
            return None
        if 'frame_inds' in opened:
            break
    else:
        raise ValueError('num_repeats needs a transform that samples frames before decoding')
    clips = [run(steps[sampler + 1 : decoder], opened)]
    between = steps[sampler:decoder]
    for _ in range(num_repeats - 1):
        clips.append(dict(clips[0]) if sample_once else run(between, dict(before)))
    if any(clip is None for clip in clips):
        return None
    clips = _decode(steps[decoder], clips, run)
    samples = [run(steps[decoder + 1 :], clip) for clip in clips or ()]
    return None if not samples or any(sample is None for sample in samples) else samples


def _decode(step: Callable, clips: list[dict], run: Callable) -> list[dict] | None:
    """The clips with their frames, each frame decoded once."""
    frames, place = np.unique([clip['frame_inds'].ravel() for clip in clips], return_inverse=True)
    first = clips[0]
    decoded = run([step], dict(first, frame_inds=frames))
    if decoded is None:
        return None
    imgs = decoded['imgs']
    if len(imgs) != len(frames):
        raise ValueError(
            f'num_repeats: {type(step).__name__} gives {len(imgs)} pictures of {len(frames)} '
            'frames; set num_repeats=1'
        )
    added = {
        key: value
        for key, value in decoded.items()
        if key not in ('frame_inds', 'imgs') and (key not in first or value is not first[key])
    }
    used: set[int] = set()
    out = []
    for clip, rows in zip(clips, place.reshape(len(clips), -1).tolist()):
        # transforms write into frames, so no two clips may share one
        own = [imgs[i].copy() if i in used or used.add(i) else imgs[i] for i in rows]
        out.append({**clip, **added, 'imgs': own})
    return out
