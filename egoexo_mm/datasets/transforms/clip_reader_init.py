"""Opening a video for ``DecordDecode`` with the reader that costs least."""

from __future__ import annotations

import io
import os.path as osp

from mmaction.datasets.transforms import DecordInit
from mmaction.registry import TRANSFORMS

from egoexo_mm.video import RandomAccess, check_reader, open_frames


@TRANSFORMS.register_module()
class ClipReaderInit(DecordInit):
    """``DecordInit`` with PyAV as the reader: the same frames and rate in two thirds of the time.

    ``DecordDecode`` follows as usual. Without PyAV decord reads, or else OpenCV, and the log says
    so. :mod:`egoexo_mm.video` describes which frames a video has and how they are numbered.

    Added keys beside those of ``DecordInit``: ``frame_times``, float64 (total_frames,) in seconds
    from the first frame, of videos of variable rate only.

    Args:
        io_backend: That of ``DecordInit``. A file on disk is read in place, others are fetched.
        reader: ``'pyav'``, ``'decord'``, ``'opencv'``, or None for the first that is installed.
        **kwargs: Those of ``DecordInit``.

    Raises:
        ValueError: For an unknown reader, or one that is not installed.
    """

    def __init__(self, io_backend: str = 'disk', reader: str | None = None, **kwargs) -> None:
        super().__init__(io_backend=io_backend, **kwargs)
        self.reader = check_reader(reader)

    def transform(self, results: dict) -> dict:
        """Open ``filename``.

        Raises:
            BrokenVideoError: It cannot be read.
        """
        results.pop('frame_times', None)
        results = super().transform(results)
        if not results['video_reader'].steady:
            results['frame_times'] = results['video_reader'].times
        return results

    def _get_video_reader(self, filename: str) -> RandomAccess:
        if not osp.splitext(filename)[1]:
            filename += '.mp4'  # as DecordInit
        if self.io_backend in ('disk', 'local'):
            return open_frames(filename, self.reader)
        from mmengine.fileio import FileClient

        if self.file_client is None:
            self.file_client = FileClient(self.io_backend, **self.kwargs)
        return open_frames(io.BytesIO(self.file_client.get(filename)), self.reader, name=filename)
