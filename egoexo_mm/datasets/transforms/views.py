"""Testing with many clips: each frame is decoded once, resized once and sent to the model once.

Shape legend: ``N`` clips of ``T`` frames, ``U`` different frames among the ``N * T``, ``C`` crops,
``H x W`` pixels of a frame, ``h x w`` of a crop.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform


@TRANSFORMS.register_module()
class UniqueFrames(BaseTransform):
    """Request every frame once, however many clips show it.

    Put it between sampling and decoding. The steps up to ``RepeatFrames`` then see one clip of the
    ``U`` different frames in ascending order.

    Required keys: ``frame_inds`` (N*T,), ``num_clips``, ``clip_len``. Changed keys: ``frame_inds``
    (U,), ``num_clips`` (1), ``clip_len`` (U). Added key: ``repeated_frames``, for ``RepeatFrames``.
    """

    def transform(self, results: dict) -> dict:
        """Reduce ``frame_inds``."""
        frames = np.asarray(results['frame_inds']).ravel()
        unique, place = np.unique(frames, return_inverse=True)
        results['repeated_frames'] = dict(
            frame_inds=frames,
            num_clips=results['num_clips'],
            clip_len=results['clip_len'],
            place=place,
        )
        results.update(frame_inds=unique, num_clips=1, clip_len=len(unique))
        return results


@TRANSFORMS.register_module()
class RepeatFrames(BaseTransform):
    """Restore the clips that ``UniqueFrames`` took apart. No pixel is copied.

    Put it after resizing.

    Required keys: ``imgs`` (U frames), ``repeated_frames``. Changed keys: ``imgs`` (a list of N*T
    frames; equal ones are one array), ``frame_inds``, ``num_clips``, ``clip_len``. Removed key:
    ``repeated_frames``.

    Raises:
        KeyError: There is no ``UniqueFrames`` before it.
        ValueError: A step in between changed the number of frames.
    """

    def transform(self, results: dict) -> dict:
        """Restore clips."""
        if 'repeated_frames' not in results:
            raise KeyError(
                'RepeatFrames: no frames were taken apart; put dict(type="UniqueFrames") before '
                'the decoding transform of the pipeline'
            )
        clips, imgs = results.pop('repeated_frames'), results['imgs']
        if len(imgs) != len(results['frame_inds']):
            raise ValueError(
                f'RepeatFrames: expected one picture for each of {len(results["frame_inds"])} '
                f'frames, got {len(imgs)}; put it before transforms that make several crops'
            )
        results['imgs'] = [imgs[i] for i in clips.pop('place')]
        results.update(clips)
        return results


@TRANSFORMS.register_module()
class FormatViews(BaseTransform):
    """The different frames of a video and the places of its views in them, for testing.

    It takes the place of ``FormatShape``, which copies every crop of every clip: 189 MB for 10
    clips x 3 crops of 256 pixels. Here the cropped part of each frame is kept once, and
    ``EgoExoDataPreprocessor`` cuts the views on the model's device. Frames of one number must be
    one picture, as they are where nothing is drawn at random. Pack with
    ``PackActionInputs(collect_keys=FormatViews.KEYS)``.

    Required keys: ``imgs`` (C*N*T pictures (h, w, 3), crop by crop, as ``ThreeCrop``,
    ``UniformThreeCrop`` and single crops leave them), ``frame_inds`` (N*T,), ``num_clips``,
    ``clip_len``; ``crop_bbox`` for several crops. Removed key: ``imgs``. Added keys: ``frames``
    (U, H, W, 3), the smallest rectangle with all crops; ``clip_frames`` (N, T) places in
    ``frames``; ``crops`` (C, 4) pixels ``x1, y1, x2, y2`` in it.

    Raises:
        ValueError: For pictures that are not crops of frames, such as those of ``TenCrop``, half of
            which are flipped.
    """

    KEYS = ('frames', 'clip_frames', 'crops')

    def transform(self, results: dict) -> dict:
        """Keep every frame once."""
        imgs, numbers = results.pop('imgs'), np.asarray(results['frame_inds']).ravel()
        _, first, place = np.unique(numbers, return_index=True, return_inverse=True)
        crops = self._crops(results, imgs, len(numbers))
        crops = crops - np.tile(crops[:, :2].min(0), 2)
        width, height = crops[:, 2:].max(0)
        frames = np.zeros((len(first), height, width, imgs[0].shape[2]), imgs[0].dtype)
        before = np.zeros(4, np.int64)
        # from left to right or top to bottom; each crop adds what the one before lacks
        for number in np.lexsort(crops.T):
            x1, y1, x2, y2 = crops[number]
            left = min(max(x1, before[2]), x2) if tuple(before[[1, 3]]) == (y1, y2) else x1
            top = min(max(y1, before[3]), y2) if tuple(before[[0, 2]]) == (x1, x2) else y1
            for frame, i in zip(frames, first):
                frame[top:y2, left:x2] = imgs[number * len(numbers) + i][top - y1 :, left - x1 :]
            before = crops[number]
        results.update(
            frames=frames,
            clip_frames=place.reshape(results['num_clips'], results['clip_len']),
            crops=crops,
        )
        return results

    @staticmethod
    def _crops(results: dict, imgs: Sequence[np.ndarray], frames: int) -> np.ndarray:
        """(C, 4) int64."""
        count, rest = divmod(len(imgs), frames)
        if count == 1 and not rest:
            return np.array([[0, 0, *imgs[0].shape[1::-1]]])
        boxes = np.asarray(results.get('crop_bbox', ())).reshape(-1, 4)[::frames].astype(np.int64)
        if not rest and len(boxes) == count:
            # Crops of a square frame coincide and have equal pixels. A flipped crop has the box of
            # another one, but not its pixels.
            _, first, same = np.unique(boxes, axis=0, return_index=True, return_inverse=True)
            if all(
                np.array_equal(imgs[i * frames + t], imgs[j * frames + t])
                for i, j in enumerate(first[same.ravel()])
                for t in range(frames)
                if i != j
            ):
                return boxes
        raise ValueError(
            f'FormatViews: expected crops that are parts of their frames, for each of {frames} '
            f'frames, got {len(imgs)} pictures; use ThreeCrop, UniformThreeCrop or one crop, or '
            'FormatShape instead'
        )
