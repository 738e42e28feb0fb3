"""Samples whose media cannot be read: named, or replaced by others that do not depend on how the run went.

A file that cannot be opened cannot be opened by any worker, and whether a damaged one gives the frames of a clip depends on
the clip alone. So the replacement is a function of seed, epoch and sample, whatever was found broken before, by whom, and
however often the run was interrupted.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterator
from functools import cached_property

import numpy as np
import torch
from mmaction.datasets.transforms import RawFrameDecode
from mmengine.dataset import BaseDataset
from mmengine.fileio import FileClient

from .failed_media import FailedMedia
from .media_failures import MediaError, WholePictures, media_error, media_source, undecoded_frame
from .transforms import SeedAugmentations

_RANDOM_TRIES = 1000  # then the rows that follow, in order
_PICTURE_TRIES = 8  # clips of one folder of frames that are tried for a sample; one broken picture leaves many others


class BrokenMedia:
    """Part of a dataset class: what to do with samples whose files cannot be read.

    A subclass calls :meth:`open_broken_media` in its constructor. Rows have ``video_id`` and ``filename`` or ``frame_dir``.
    """

    def open_broken_media(
        self, broken_videos: str, max_broken_share: float, failed_file: str | None
    ) -> None:
        """Check and keep the options.

        Args:
            broken_videos: a file that cannot be read ends the run (``'error'``), or is logged, listed once in
                ``failed_file``, and another sample takes its place (``'skip'``). In validation and testing it always ends
                the run.
            max_broken_share: with ``'skip'``: the run ends where the files found broken hold more than this share of the
                samples. A broken picture in a folder of frames counts as one sample.
            failed_file: JSON lines ``video_id``, ``path``, ``reason``, appended to. By default ``failed.jsonl`` in the work
                dir, which ``BrokenMediaHook`` tells; without the hook broken files are logged only.

        Raises:
            ValueError: for an unknown option.
        """
        if broken_videos not in ('error', 'skip'):
            raise ValueError(f"broken_videos must be 'error' or 'skip', got {broken_videos!r}")
        if isinstance(max_broken_share, bool) or not 0 <= max_broken_share <= 1:
            raise ValueError(f'max_broken_share must be from 0 to 1, got {max_broken_share!r}')
        self.broken_videos, self.max_broken_share = broken_videos, max_broken_share
        self.failed = FailedMedia(failed_file)
        self._never_opens: dict[str, str] = {}  # path -> reason, as met in this process
        # shared memory, because persistent workers outlive the epoch in which they started
        self._draw_seed = torch.full((2,), -1, dtype=torch.int64).share_memory_()

    def begin_run(self, work_dir: str) -> None:
        """Name the work dir, and forget what an earlier run in this process met."""
        self._never_opens.clear()
        self.failed.begin(work_dir)

    def set_draw_epoch(self, seed: int, epoch: int) -> None:
        """Announce the epoch to every worker, for pipelines without ``SeedAugmentations``."""
        self._draw_seed.copy_(torch.tensor([seed, epoch]))

    def prepare_data(self, idx: int) -> dict | None:
        """The sample ``idx``; in training another one where it cannot be read and ``broken_videos='skip'``.

        Raises:
            RuntimeError: media that cannot be read; too many of them.
        """
        info = self.get_data_info(idx)
        refused: Counter[str] = Counter()
        sample = self._try(info, refused)
        if self.test_mode:
            return sample
        tries = self._other_rows(idx) if sample is None else iter(())
        for attempt, other in tries:
            sample = self._try(dict(self.get_data_info(other), redraw=(idx, attempt)), refused)
            if sample is not None:
                break
        if sample is None:
            raise RuntimeError(
                f'{self.ann_file}: no sample can be read in place of number {idx} ({media_source(info)}); '
                'correct data_prefix or get the files again'
            )
        return sample

    def _try(self, info: dict, refused: Counter[str]) -> dict | None:
        """The sample of a row; None where its file is one of the ``refused`` or joins them, or the pipeline gives none."""
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

    def _run_pipeline(self, info: dict, path: str) -> dict | None:
        """The pipeline's result; None where a transform gives none.

        Raises:
            MediaError: the sample's media cannot be read.
        """
        results = info
        for step in getattr(self.pipeline, 'transforms', None) or [self.pipeline]:
            decoded = 'imgs' in results
            if isinstance(step, RawFrameDecode) and step.file_client is None:
                step.file_client = WholePictures(FileClient(step.io_backend, **step.kwargs))
            try:
                results = step(results)
            except Exception as error:
                problem = media_error(error, results, path)
                if problem is None:
                    raise
                raise problem from error
            if results is None:
                return None
            if not decoded and 'imgs' in results and (problem := undecoded_frame(results, path)):
                raise problem
        return results

    def _end(self, error: MediaError) -> None:
        """End the run."""
        cause = error.__cause__
        if isinstance(cause, ValueError) and str(cause).startswith(f'{error.path}: '):
            raise cause  # of a transform that has said all there is to say
        remedies = ['get it again']
        if error.reason.startswith('no such file'):
            remedies.insert(0, f'correct data_prefix ({dict(self.data_prefix)})')
        if self.test_mode:
            remedies.append(
                f'or remove its rows from {self.ann_file} (validation and testing leave nothing out)'
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
        """(number of the try, row) to take in place of row ``idx``: random ones, then all."""
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
            RuntimeError: in one sentence with the figures.
        """
        found = self.failed.found()
        hashes, broken = self._source_hashes, [_hash(path) for path in found]
        rows = np.searchsorted(hashes, broken, 'right') - np.searchsorted(hashes, broken)
        lost = min(
            int(np.maximum(rows, 1).sum()), len(hashes)
        )  # a picture of a folder is no row's file
        if lost > self.max_broken_share * len(hashes):
            path, reason = next(iter(found.items()))
            listed = f', listed in {self.failed.file}' if self.failed.file else ''
            raise RuntimeError(
                f'{self.ann_file}: {lost} of {len(hashes)} samples ({lost / len(hashes):.1%}) are of files that cannot be '
                f'read, more than max_broken_share={self.max_broken_share:g} allows; found: {len(found)} files{listed}; '
                f'the first is {path} ({reason}). Get them again, correct data_prefix ({dict(self.data_prefix)}), or set '
                'train_dataloader.dataset.max_broken_share higher'
            )

    @cached_property
    def _source_hashes(self) -> np.ndarray:
        """Hashes of the rows' files, sorted: 8 bytes a row, where the names would be megabytes in each worker."""
        return np.sort(
            [_hash(media_source(BaseDataset.get_data_info(self, i))) for i in range(len(self))]
        )


def _hash(path: str) -> int:
    """63 bits, the same in every process."""
    return (
        int.from_bytes(
            hashlib.blake2b(path.encode('utf-8', 'surrogateescape'), digest_size=8).digest(), 'big'
        )
        >> 1
    )
