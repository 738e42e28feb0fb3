"""Transforms for data sets that fit in memory: decoded frames are kept; pairs are labels."""

from __future__ import annotations

from pathlib import Path

import mmcv
import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform

from egoexo_mm.video import open_frames


@TRANSFORMS.register_module(force=True)
class LoadWholeVideo(BaseTransform):
    """All frames of a video, or of a segment of a frame folder, decoded once and kept.

    Put it before the sampling of frames; ``ArrayDecode`` picks from them. Every worker keeps all
    raw frames of the data set in memory. That suits hundreds of small clips, where decoding would
    take longer than the step of a small network.

    Required keys: ``filename``, or ``frame_dir``, ``filename_tmpl``, ``total_frames`` and
    ``start_index`` (and ``segment_start`` of a segment).

    Added or modified keys: ``array``, read-only (L, H, W, 3) uint8 RGB; ``total_frames`` (L);
    ``modality``; ``start_index``, which becomes minus ``segment_start``. So ``frame_inds`` count in
    ``array``, and less ``start_index`` in the video, as targets do.

    Raises:
        FileNotFoundError: a frame is missing.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple, np.ndarray] = {}

    def transform(self, results: dict) -> dict:
        """Add ``array``, from memory if it was read before."""
        if 'frame_dir' in results:
            segment = results.get('segment_start', 0)
            first = results['start_index'] + segment
            key = (results['frame_dir'], first, results['total_frames'])
        else:
            segment, first, key = 0, 0, (results['filename'],)
        if key not in self._kept:
            array = (
                self._read_frames(results, first)
                if 'frame_dir' in results
                else self._read_video(results['filename'])
            )
            array.flags.writeable = False  # shared by all later samples
            self._kept[key] = array
        array = self._kept[key]
        results.update(
            array=array,
            total_frames=len(array),
            start_index=-segment,
            segment_start=segment,
            modality='RGB',
        )
        return results

    @staticmethod
    def _read_video(filename: str) -> np.ndarray:
        reader = open_frames(filename)
        return np.stack(reader.get_batch(range(len(reader))))

    @staticmethod
    def _read_frames(results: dict, first: int) -> np.ndarray:
        names = [
            results['filename_tmpl'].format(number)
            for number in range(first, first + results['total_frames'])
        ]
        return np.stack(
            [
                mmcv.imread(str(Path(results['frame_dir'], name)), channel_order='rgb')
                for name in names
            ]
        )


@TRANSFORMS.register_module(force=True)
class PairToVerbNoun(BaseTransform):
    """Replace the class of a pair by the label ``[verb, noun]`` of ``VerbNounHead``.

    The class is ``num_nouns * verb + noun``.

    Required and modified key: ``label``, a class or a one-hot vector.

    Args:
        num_nouns: classes of nouns.

    Raises:
        ValueError: a vector has more or fewer than one class.
    """

    def __init__(self, num_nouns: int) -> None:
        self.num_nouns = num_nouns

    def transform(self, results: dict) -> dict:
        """Replace ``label``."""
        label = np.asarray(results['label'])
        if label.ndim:
            (classes,) = np.nonzero(label)
            if len(classes) != 1:
                source = (
                    results.get('video_id') or results.get('filename') or results.get('frame_dir')
                )
                raise ValueError(
                    f'{source}: expected one pair of verb and noun, got the classes '
                    f'{classes.tolist()}'
                )
            label = classes[0]
        results['label'] = [int(part) for part in divmod(int(label), self.num_nouns)]
        return results
