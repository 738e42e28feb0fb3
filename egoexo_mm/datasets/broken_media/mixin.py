"""Samples whose media cannot be read: they end the run, or other samples replace them.

The replacement is a function of seed, epoch and sample. It does not depend on which files were
found broken before, by which process, or on how often the run was interrupted. This works since no
worker can open a file that cannot be opened, and since whether a damaged file gives the frames of a
clip depends on the clip alone.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property, partial
from typing import Any

import numpy as np
import torch
from mmaction.datasets.transforms import RawFrameDecode
from mmengine.dataset import BaseDataset, Compose
from mmengine.fileio import FileClient

from egoexo_mm.checks import check_choice, check_share

from ..repeated_augmentation import repeat_clips
from ..transforms import SeedAugmentations
from .errors import CompletePictures, MediaError, media_error, media_source, undecoded_frame
from .failed_list import FailedMedia

_RANDOM_TRIES = 1000  # then the rows that follow, in order
_PICTURE_TRIES = 8  # clips to try of one folder of frames; most pictures may be sound


class BrokenMedia:
    """Base class of data sets whose files may be unreadable.

    Rows have ``video_id`` and ``filename`` or ``frame_dir``.

    Args:
        broken_videos: ``'error'``: a file that cannot be read ends the run. ``'skip'``: it is
            logged, listed once in ``failed_file``, and another sample takes its place. In
            validation and testing it always ends the run.
        max_broken_share: With ``'skip'``, the run ends once more than this share of the samples
            lies in broken files. A broken picture in a folder of frames counts as one sample.
        failed_file: JSON lines ``video_id``, ``path``, ``reason``, appended to. By default
            ``failed.jsonl`` in the work dir, which ``BrokenMediaHook`` sets; without the hook
            broken files are logged only.
        num_repeats: In training, clips that are cut from a video each time it is decoded (repeated
            augmentation, https://arxiv.org/abs/1901.09335), each with random draws and targets of
            its own. A batch then has ``batch_size * num_repeats`` clips, and the data loader needs
            ``collate_fn=dict(type='repeat_pseudo_collate')``.
        sample_once: These clips have the same frames, and differ in crops and colours.
        *args, **kwargs: Passed to the next base class.

    Raises:
        ValueError: For an unknown option.
    """

    def __init__(
        self,
        *args: Any,
        broken_videos: str = 'error',
        max_broken_share: float = 0.05,
        failed_file: str | None = None,
        num_repeats: int = 1,
        sample_once: bool = False,
        **kwargs: Any,
    ) -> None:
        check_choice('broken_videos', broken_videos, ('error', 'skip'))
        check_share('max_broken_share', max_broken_share)
        if num_repeats < 1 or num_repeats > 1 and kwargs.get('test_mode'):
            raise ValueError(
                f'num_repeats must be 1 or more in training and 1 in testing, got {num_repeats}'
            )
        self.num_repeats, self.sample_once = num_repeats, sample_once
        self.broken_videos, self.max_broken_share = broken_videos, max_broken_share
        self.failed = FailedMedia(failed_file)
        self._never_opens: dict[str, str] = {}  # path -> reason, as met in this process
        # in shared memory, because persistent workers outlive the epoch in which they started
        self._draw_seed = torch.full((2,), -1, dtype=torch.int64).share_memory_()
        super().__init__(*args, **kwargs)

    def begin_run(self, work_dir: str) -> None:
        """Name the work dir, and forget what an earlier run in this process met."""
        self._never_opens.clear()
        self.failed.begin(work_dir)

    def set_draw_epoch(self, seed: int, epoch: int) -> None:
        """Announce the epoch to every worker, for pipelines without ``SeedAugmentations``."""
        self._draw_seed.copy_(torch.tensor([seed, epoch]))

    def prepare_data(self, idx: int) -> dict | list[dict] | None:
        """The sample ``idx``, or in training its replacement, see ``broken_videos``.

        A list of samples with ``num_repeats``.

        Raises:
            RuntimeError: Media cannot be read, or too many of them.
        """
        info = self.get_data_info(idx)
        refused: Counter[str] = Counter()
        sample = self._try(info, refused)
        if sample is not None or self.test_mode:
            return sample
        for attempt, other in self._other_rows(idx):
            sample = self._try(dict(self.get_data_info(other), redraw=(idx, attempt)), refused)
            if sample is not None:
                return sample
        raise RuntimeError(
            f'{self.ann_file}: no sample can be read in place of number {idx} '
            f'({media_source(info)}); correct data_prefix or get the files again'
        )

    def _try(self, info: dict, refused: Counter[str]) -> dict | list[dict] | None:
        """The sample of a row; None where its file is broken or the pipeline gives nothing.

        ``refused`` counts failed clips by file; a file with ``_PICTURE_TRIES`` is not tried again.
        """
        path = media_source(info)
        if refused[path] >= _PICTURE_TRIES:
            return None
        try:
            if path in self._never_opens:
                raise MediaError(path, self._never_opens[path], True)
            return self._run_pipeline(info, path)
        except MediaError as error:
            if self.broken_videos == 'error' or self.test_mode:
                self._end(error)
            refused[path] += _PICTURE_TRIES if error.file == path else 1
            if error.when_opened:
                self._never_opens[path] = error.reason
            if self.failed.note(error.file, info.get('video_id', path), error.reason):
                self._check_share()
        return None

    def _run_pipeline(self, info: dict, path: str) -> dict | list[dict] | None:
        """The pipeline's result; None where a transform gives none.

        Raises:
            MediaError: The sample's media cannot be read.
        """
        steps = getattr(self.pipeline, 'transforms', None) or [self.pipeline]
        # MMAction2's browse_dataset.py puts a Compose in its place that looks at each step
        if type(self.pipeline).__call__ is not Compose.__call__:
            return self._run_steps([self.pipeline], info, path)
        if self.num_repeats == 1:
            return self._run_steps(steps, info, path)
        return repeat_clips(
            steps, info, self.num_repeats, self.sample_once, partial(self._run_steps, path=path)
        )

    def _run_steps(self, steps: Sequence, results: dict, path: str) -> dict | None:
        for step in steps:
            decoded = 'imgs' in results
            if isinstance(step, RawFrameDecode) and step.file_client is None:
                step.file_client = CompletePictures(FileClient(step.io_backend, **step.kwargs))
            try:
                results = step(results)
            except Exception as error:
                problem = media_error(error, results, path)
                if problem is None:
                    raise
                raise problem from error
            if results is None:
                return None
            if not decoded and (problem := undecoded_frame(results, results, path)):
                raise problem
        return results

    def _end(self, error: MediaError) -> None:
        """End the run."""
        cause = error.__cause__
        if isinstance(cause, ValueError) and str(cause).startswith(f'{error.path}: '):
            raise cause  # a transform's message, which is complete
        remedies = ['get it again']
        if error.reason.startswith('no such file'):
            remedies.insert(0, f'correct data_prefix ({dict(self.data_prefix)})')
        if self.test_mode:
            remedies.append(
                f'or remove its rows from {self.ann_file} (validation and testing leave nothing '
                'out)'
            )
        else:
            remedies += [
                f'remove its rows from {self.ann_file}',
                "or set broken_videos='skip' to train without it",
            ]
        raise RuntimeError(
            f'{error.path}: cannot be read ({error.reason}); {", ".join(remedies)}'
        ) from cause

    # ---- which sample instead

    def _other_rows(self, idx: int) -> Iterator[tuple[int, int]]:
        """(number of the try, row) to take in place of row ``idx``: random rows, then all."""
        words = self._seed_words()
        row = idx
        for attempt in range(_RANDOM_TRIES):
            state = np.random.SeedSequence([*words, idx, attempt]).generate_state(1, np.uint64)
            row = int(state[0]) % len(self)  # in numpy 1 uint64 % int is a float
            yield attempt, row
        for step in range(1, len(self)):
            yield _RANDOM_TRIES + step, (row + step) % len(self)

    def _seed_words(self) -> list[int]:
        """Seed and epoch; a random number where they were not announced."""
        transforms = getattr(self.pipeline, 'transforms', ())
        states = [step.state() for step in transforms if isinstance(step, SeedAugmentations)]
        for seed, epoch in (*states, self._draw_seed.tolist()):
            if epoch >= 0:
                return [seed, epoch]
        return [int(np.random.randint(2**31))]

    # ---- how much of the list is lost

    def _check_share(self) -> None:
        """End a run that would train on too little of its list.

        Raises:
            RuntimeError: More than ``max_broken_share`` of the samples is lost.
        """
        found = self.failed.found()
        hashes, broken = self._source_hashes, [_hash(path) for path in found]
        rows = np.searchsorted(hashes, broken, 'right') - np.searchsorted(hashes, broken)
        # a picture of a folder is no row's file, and counts as one sample
        lost = min(int(np.maximum(rows, 1).sum()), len(hashes))
        if lost > self.max_broken_share * len(hashes):
            path, reason = next(iter(found.items()))
            listed = f', listed in {self.failed.file}' if self.failed.file else ''
            raise RuntimeError(
                f'{self.ann_file}: {lost} of {len(hashes)} samples ({lost / len(hashes):.1%}) are '
                'of files that cannot be read, more than '
                f'max_broken_share={self.max_broken_share:g} allows; '
                f'found: {len(found)} files{listed}; the first is {path} ({reason}). '
                f'Get them again, correct data_prefix ({dict(self.data_prefix)}), or set '
                'train_dataloader.dataset.max_broken_share higher'
            )

    @cached_property
    def _source_hashes(self) -> np.ndarray:
        """Sorted hashes of the rows' files: 8 bytes a row, where names would take megabytes."""
        rows = (BaseDataset.get_data_info(self, i) for i in range(len(self)))
        return np.sort([_hash(media_source(row)) for row in rows])


def _hash(path: str) -> int:
    """63 bits, the same in every process."""
    content = path.encode('utf-8', 'surrogateescape')
    return int.from_bytes(hashlib.blake2b(content, digest_size=8).digest(), 'big') >> 1
