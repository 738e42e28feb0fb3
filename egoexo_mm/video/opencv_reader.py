"""Videos read by OpenCV, if chosen: front to back, since its jumps do not land where they should.

OpenCV 4.11 does not follow a change of the frame size: it repeats the last picture or returns parts
of it, without an error. It takes the first video stream even if that is a cover picture, and
guesses the number of frames. OpenCV 5 does not show interlaced pictures. PyAV, where installed, is
asked for all four beforehand; without it OpenCV's own properties show some of these cases.
"""

from __future__ import annotations

import functools
import os
import tempfile

import numpy as np

from .base import RandomAccess, VideoFile
from .errors import BrokenVideoError, ReaderLimitError
from .pyav_index import Index, OpenVideo, build_index, key_frame_facts, pyav_installed

# a single red picture of 32 x 32, interlaced MPEG-2
_INTERLACED = bytes.fromhex(
    '000001b302002013ffffe018000001b5148200010000000001b8000800400000'
    '0100000ffff8000001b58ffff3000000010113790a5297ccdfb85a5294888000'
    '00010213790a5297ccdfb85a52948880'
)


@functools.cache
def shows_interlaced() -> bool:
    """Whether this OpenCV shows interlaced pictures.

    OpenCV 5.0 returns memory that nothing was written to, and reports success; its FFmpeg prints
    "Cannot convert interlaced to progressive frames".
    """
    import cv2

    handle, path = tempfile.mkstemp('.m2v')
    try:
        with os.fdopen(handle, 'wb') as file:
            file.write(_INTERLACED)
        capture = cv2.VideoCapture(path)
        done, frame = capture.read()
        capture.release()
    finally:
        os.remove(path)
    return bool(done) and bool((abs(frame - np.array([0.0, 0, 255])) < 16).all())


def _known_to_pyav(path: str) -> Index | None:
    """PyAV's index of a file; None without PyAV or where it cannot read the file.

    Raises:
        ReaderLimitError: OpenCV would show other frames.
    """
    index = None
    if pyav_installed():
        try:
            video = OpenVideo(path)
            index = build_index(video, path)
        except BrokenVideoError:
            raise
        except Exception:  # what PyAV cannot read, OpenCV may
            pass
    if index is None:
        _check_alone(path)
        return None
    if video.stream.index != video.container.streams.video[0].index:
        raise ReaderLimitError(
            'OpenCV takes the first video stream, which is a cover picture or no film'
        )
    if not index.clean_start:
        raise ReaderLimitError(
            'OpenCV may also show the first frames, which need others that the file lacks'
        )
    shapes, interlaced = key_frame_facts(path)
    if interlaced and not shows_interlaced():
        raise ReaderLimitError('this version of OpenCV does not show interlaced pictures')
    if len(shapes) > 1 or any(mirrored for *_, mirrored in shapes):
        raise ReaderLimitError(
            'OpenCV does not follow changes of the frame size, and does not mirror'
        )
    return index


def _check_alone(path: str) -> None:
    """Refuse a file that OpenCV would show wrongly, as far as OpenCV itself shows it."""
    capture = Capture(path)
    capture.grab()
    kind = capture.get('CAP_PROP_FRAME_TYPE')
    if kind and kind != ord('I'):
        raise ReaderLimitError(
            'does not begin with a key frame, so OpenCV may show its first frames wrongly'
        )
    if not capture.grab() and capture.said > 2:
        raise ReaderLimitError('OpenCV shows a single picture of it, perhaps the cover')
    if not shows_interlaced() and _stands_still(path):
        raise ReaderLimitError(
            'shows the same picture from beginning to end, as this version of OpenCV does of '
            'interlaced video'
        )


def _stands_still(path: str) -> bool:
    """Whether all pictures are the same."""
    capture, first = Capture(path), None
    while capture.grab():
        picture = capture.as_stored()
        if first is None:
            first = picture
        elif not np.array_equal(first, picture):
            return False
    return True


class Capture:
    """A ``cv2.VideoCapture`` whose frames are counted, the right way up and RGB.

    Raises:
        ReaderLimitError: OpenCV cannot read the file.
    """

    def __init__(self, path: str) -> None:
        import cv2

        self._cv2, self._path = cv2, path
        self._capture = cv2.VideoCapture(path)
        if not self._capture.isOpened():
            raise ReaderLimitError('OpenCV cannot open it')
        if hasattr(cv2, 'CAP_PROP_ORIENTATION_AUTO'):
            self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        # the property counts clockwise
        self._turns = -round(self.get('CAP_PROP_ORIENTATION_META') / 90) % 4
        self.said = max(int(self.get('CAP_PROP_FRAME_COUNT')), 0)
        self.fps = max(self.get('CAP_PROP_FPS'), 0.0)
        self.position = 0
        self._last: np.ndarray | None = None
        self._ahead = self._capture.grab()
        if not self._ahead:  # what cannot be decoded at all is seen here
            raise ReaderLimitError('has no frame that OpenCV can decode')

    def get(self, name: str) -> float:
        """A property, 0 where this version of OpenCV does not know it."""
        known = getattr(self._cv2, name, None)
        return 0.0 if known is None else float(self._capture.get(known))

    def grab(self) -> bool:
        """Pass a frame."""
        if not self._ahead and not self._capture.grab():
            return False
        self._ahead = False
        self.position += 1
        return True

    def picture(self) -> np.ndarray:
        """The frame passed last, RGB (H, W, 3).

        Raises:
            ReaderLimitError: it cannot be decoded.
        """
        frame = self.as_stored()
        if not pyav_installed():
            self._compare(frame)
        return np.ascontiguousarray(np.rot90(frame[..., ::-1], self._turns))

    def as_stored(self) -> np.ndarray:
        """The frame passed last, BGR and not turned.

        Raises:
            ReaderLimitError: it cannot be decoded.
        """
        done, frame = self._capture.retrieve()
        if not done:
            raise ReaderLimitError(f'OpenCV: frame {self.position - 1} cannot be decoded')
        return frame

    def _compare(self, frame: np.ndarray) -> None:
        """Warn where the lower or right edge stays as it was, as after a change of the size."""
        if self._last is not None:
            edges = ((frame[-1], self._last[-1]), (frame[:, -1], self._last[:, -1]))
            if any(np.ptp(now) and np.array_equal(now, before) for now, before in edges):
                from .opening import say

                say(
                    'same edge',
                    f'{self._path}: an edge of frame {self.position - 1} is that of a frame '
                    'before. If the frame size has changed there'
                    + ('' if shows_interlaced() else ', or the video is interlaced there')
                    + ', what OpenCV shows from then on is wrong; PyAV follows such changes '
                    '(pip install av)',
                )
        self._last = frame


class OpenCVFrames(RandomAccess):
    """Frames by number.

    The file is decoded from its beginning for each batch, and without PyAV also once to count.
    """

    module = 'cv2'

    def _open(self) -> None:
        if not isinstance(self._source, str):
            raise ReaderLimitError('OpenCV reads files on disk only')
        index = _known_to_pyav(self._source)
        capture = Capture(self._source)
        if index is not None:
            self.times, self.fps = index.seconds, index.fps
            return
        times = []
        while capture.grab():
            times.append(capture.get('CAP_PROP_POS_MSEC') / 1e3)
        self.times, self.fps = _ascending(np.array(times), capture.fps), capture.fps

    def _get(self, wanted: list[int]) -> dict[int, np.ndarray]:
        capture, found = Capture(str(self._source)), {}
        for number in range(wanted[-1] + 1):
            if not capture.grab():
                break
            if number == 0 or number in wanted:
                picture = capture.picture()
                if number in wanted:
                    found[number] = picture
        return found


def _ascending(times: np.ndarray, fps: float) -> np.ndarray:
    """Times from the first frame on; by number where the file does not tell."""
    if len(times) > 1 and (np.diff(times) < 0).any() or not times.any():
        return np.arange(len(times)) / fps if fps else np.zeros(len(times))
    return times - times[0]


class OpenCVFile(VideoFile):
    """Frames one after the other.

    Passed-over frames are decoded but not converted. Without PyAV the number of frames is not
    known, since OpenCV guesses it.
    """

    module = 'cv2'

    def _open(self, path: str) -> None:
        index = _known_to_pyav(path)
        self._capture = Capture(path)
        self.fps = self._capture.fps
        if index is not None:
            self.num_frames, self.fps, self.times = index.promised, index.fps, index.seconds

    def _read(self, skip: int) -> np.ndarray | None:
        for _ in range(skip + 1):
            if not self._capture.grab():
                return None
            self.position += 1
        return self._capture.picture()
