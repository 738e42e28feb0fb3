"""Running a teacher over a data set: a test run that fills a target store."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmaction.registry import LOOPS
from mmengine.device import get_device
from mmengine.dist import all_reduce, get_dist_info
from mmengine.runner import BaseLoop, Runner

from egoexo_mm.checks import first_line
from egoexo_mm.datasets.video_stream import Chunk, VideoStreamDataset
from egoexo_mm.failed_jsonl import read_failures
from egoexo_mm.models.teachers import Teacher
from egoexo_mm.targets import Manifest, StoreWriter
from egoexo_mm.targets.store.manifest import read_manifest

from .extraction_progress import ExtractionProgress
from .runner_parts import bare_model
from .teacher_run import Row, TeacherRun


@LOOPS.register_module()
class ExtractTargetsLoop(BaseLoop):
    """Decode, infer, store: runs a :class:`Teacher` over a :class:`VideoStreamDataset`.

    A video's row is written once all its items are done, so a killed run loses the videos in work
    and those of the last ``flush_seconds``. Started again it skips the videos in the store and
    tries failed videos anew. Each rank writes shards of its own.

    Args:
        runner, dataloader: As in every loop; the model is the teacher.
        evaluator: Unused; MMEngine wants ``test_evaluator`` set, to ``[]``.
        store: Folder of the target store.
        dataset: Name of the data set, for the manifest.
        batch_size, max_waiting, amp, channels_last: Of :class:`TeacherRun`.
        rows_per_shard, flush_seconds: A shard is written after so many videos or seconds.
        log_seconds: Between lines of progress.

    Raises:
        ValueError: An unknown option, or a teacher of boxes on frames that are no regular grid.
        TypeError: The model is no teacher or the data set no stream of videos.
        TargetStoreError: The store is of other targets, cannot be written, or refuses a row.
    """

    def __init__(
        self,
        runner: Runner,
        dataloader: dict,
        evaluator: Any = None,
        *,
        store: str,
        dataset: str,
        batch_size: int = 32,
        max_waiting: int | None = None,
        amp: str | None = None,
        channels_last: bool = False,
        rows_per_shard: int = 1024,
        flush_seconds: float = 300.0,
        log_seconds: float = 30.0,
    ) -> None:
        super().__init__(runner, dataloader)
        self.stream = self.dataloader.dataset
        self.teacher = bare_model(runner)
        self._check_parts()
        self.store, self.dataset_name = store, dataset
        self.rows_per_shard = rows_per_shard
        self.flush_seconds, self.log_seconds = flush_seconds, log_seconds
        self.run_teacher = TeacherRun(
            self.teacher,
            torch.device(get_device()),  # where the runner put the model
            batch_size=batch_size,
            max_waiting=max_waiting,
            amp=amp,
            channels_last=channels_last,
        )

    def _check_parts(self) -> None:
        if not isinstance(self.teacher, Teacher):
            raise TypeError(
                f'the model is a {type(self.teacher).__name__}, expected a Teacher '
                '(egoexo_mm.models.teachers); take one of configs/teachers whose name ends in that '
                'of a data set'
            )
        if not isinstance(self.stream, VideoStreamDataset):
            raise TypeError(
                f'test_dataloader.dataset is a {type(self.stream).__name__}, expected a '
                'VideoStreamDataset'
            )
        boxes = self.teacher.signal == 'interaction' or hasattr(self.teacher, 'kinds')
        if boxes and self.stream.plan.stride is None:
            raise ValueError(
                f'boxes need frames in a regular grid, but the plan is {self.stream.plan}; set '
                "test_dataloader.dataset.plan=dict(type='EveryKthFrame', stride=...)"
            )

    def manifest(self) -> Manifest:
        """Manifest of the store.

        A store that was begun with another teacher or on other frames is refused.
        """
        return self.teacher.manifest(
            self.dataset_name, video_id=self.stream.rule, notes=f'frames: {self.stream.plan}'
        )

    def run(self) -> dict[str, int]:
        """Fill the store.

        Returns:
            Videos of all ranks: ``extracted``, ``failed`` and ``skipped``.
        """
        self.runner.call_hook('before_test')
        rank, world = get_dist_info()
        writer = StoreWriter(self.store, self.manifest(), self.rows_per_shard, rank)
        with self._naming_lost_workers(), writer as self.writer:
            skipped = self.stream.skip(self.writer.done)
            self._warn_of_unknown_settings()
            self.known_failures = read_failures(self.writer.path).reasons
            here = f', rank {rank} of {world}' if world > 1 else ''
            if skipped:
                self.runner.logger.info(
                    f'{self.store}{here}: {skipped} videos are in it already, '
                    f'{len(self.stream.videos)} are left'
                )
            self.progress = ExtractionProgress(
                len(self.stream.videos),
                self.runner.logger.info,
                every=self.log_seconds,
                terminal=rank == 0 or None,
                label=f'{self.store}{here}',
            )
            self._extract()
            self.progress.close()
        counts = self._report(skipped)
        self.runner.call_hook('after_test')
        return counts

    def _warn_of_unknown_settings(self) -> None:
        """The manifest of a store that an earlier release began names no settings."""
        known = read_manifest(self.writer.path).settings
        unknown = [name for name in self.writer.manifest.settings if name not in known]
        if unknown:
            self.runner.logger.warning(
                f'{self.store}: its manifest does not name {", ".join(unknown)}, so whether the '
                'rows there were made with the settings of this run is not checked; if they were '
                'not, give another folder'
            )

    def _extract(self) -> None:
        flushed = time.monotonic()
        for chunks in self.progress.waiting(self.dataloader):
            for chunk in chunks:
                if chunk.failure is None:
                    self._write(self.run_teacher.take(chunk))
                    self.progress.frames += len(chunk.numbers)
                else:
                    self._fail(chunk)
            if time.monotonic() - flushed >= self.flush_seconds:
                self.writer.flush()
                flushed = time.monotonic()
            self.progress.update()
        self._write(self.run_teacher.finish())

    @contextmanager
    def _naming_lost_workers(self) -> Iterator[None]:
        """Say at which video a data worker died."""
        # PyTorch notices in a signal handler, so any line of this process may raise, or a
        # connection to the worker breaks.
        try:
            yield
        except (RuntimeError, ConnectionError, EOFError) as error:
            # 'DataLoader' is in the text for lost workers and for the loader's timeout
            if isinstance(error, RuntimeError) and 'DataLoader' not in str(error):
                raise
            raise RuntimeError(
                f'a data worker died or hangs at one of {", ".join(self.stream.reading())} '
                f'({first_line(error)}); run again, and if it happens again take that video out of '
                'the list or set another test_dataloader.dataset.reader'
            ) from error

    def _write(self, rows: Iterable[Row]) -> None:
        for video_id, row in rows:
            if self.writer.manifest.kind == 'detections':
                self.writer.add_detections(
                    video_id, **{'frame_stride': self.stream.plan.stride, **row}
                )
            else:
                self.writer.add_scores(video_id, **row)
            self.progress.videos += 1

    def _fail(self, chunk: Chunk) -> None:
        """Note a broken video; a reason that ``failed.jsonl`` has already is not written again."""
        self.run_teacher.drop(chunk.video_id)
        self.progress.videos += 1
        self.progress.failed += 1
        self.runner.logger.warning(f'{chunk.path}: no targets ({chunk.failure})')
        if self.known_failures.get(chunk.video_id) != ' '.join(chunk.failure.split()):
            self.writer.fail(chunk.video_id, chunk.failure, chunk.path)

    def _report(self, skipped: int) -> dict[str, int]:
        """Sum the counts of all ranks and log them."""
        progress = self.progress
        counts = torch.tensor(
            [progress.videos - progress.failed, progress.failed, skipped, progress.frames]
        )
        all_reduce(counts)
        extracted, failed, skipped, frames = counts.tolist()
        broken = (
            f'; {failed} failed, see {self.store}/failed.jsonl (a further run tries them again)'
            if failed
            else ''
        )
        self.runner.logger.info(
            f'{self.store}: {extracted} videos extracted ({frames} frames), {skipped} were there '
            f'before{broken}. Next: '
            f'python tools/targets.py verify {self.store} --list {self.stream.ann_file}'
        )
        return dict(extracted=extracted, failed=failed, skipped=skipped)
