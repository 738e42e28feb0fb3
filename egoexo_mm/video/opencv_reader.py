"""Videos read by OpenCV, by choice: always front to back, since its jumps do not land where they should.

OpenCV 4.11 does not follow a change of the frame size (it repeats the last picture, and nothing tells), takes the first
video stream even if that is a cover picture, and guesses the number of frames. All three are found out here.
"""
from __future__ import annotations

import importlib.util

import numpy as np

from .base import RandomAccess, VideoFile
from .errors import BrokenVideoError, ReaderLimitError


class Capture:
    """A ``cv2.VideoCapture`` whose frames are counted, the right way up and RGB.

    Raises:
        ReaderLimitError: OpenCV cannot open the file, or would show its cover picture.
    """

    def __init__(self, path: str) -> None:
        import cv2
        self._cv2, self._path = cv2, path
        self._capture = cv2.VideoCapture(path)
        if not self._capture.isOpened():
            raise ReaderLimitError('OpenCV cannot open it')
        self._check_stream()
        if hasattr(cv2, 'CAP_PROP_ORIENTATION_AUTO'):
            self._capture.set(cv2.CAP_PROP_ORIENTATION_AUTO, 0)
        self._turns = -round(self.get('CAP_PROP_ORIENTATION_META') / 90) % 4  # the property counts clockwise
        self.said = max(int(self.get('CAP_PROP_FRAME_COUNT')), 0)
        self.fps = max(self.get('CAP_PROP_FPS'), 0.)
        self.position = 0
        self._last: np.ndarray | None = None
        self._sure = False

    def get(self, name: str) -> float:
        """A property, 0 where this version of OpenCV does not know it."""
        return float(self._capture.get(getattr(self._cv2, name))) if hasattr(self._cv2, name) else 0.

    def _check_stream(self) -> None:
        if importlib.util.find_spec('av'):
            from .pyav_reader import OpenVideo
            video = OpenVideo(self._path)
            if video.stream.index != video.container.streams.video[0].index:
                raise ReaderLimitError('OpenCV takes its first video stream, which is a cover picture or no film')

    def grab(self) -> bool:
        """Pass a frame."""
        if not self._capture.grab():
            return False
        self.position += 1
        return True

    def picture(self) -> np.ndarray:
        """The frame passed last, RGB (H, W, 3).

        Raises:
            ReaderLimitError: it is the one before once more, since the frame size has changed.
        """
        done, frame = self._capture.retrieve()
        if not done:
            raise BrokenVideoError(f'frame {self.position - 1} cannot be decoded')
        if self._last is not None and not self._sure and np.array_equal(frame, self._last):
            self._check_size()
        self._last = frame
        return np.ascontiguousarray(np.rot90(frame[..., ::-1], self._turns))

    def _check_size(self) -> None:
        """Called once, at two equal pictures: still life, or a change of size?"""
        self._sure = True
        if importlib.util.find_spec('av'):
            from .pyav_reader import OpenVideo
            sizes = {(frame.width, frame.height) for frame in OpenVideo(self._path).frames()}
            if len(sizes) > 1:
                raise ReaderLimitError('OpenCV repeats a picture where the frame size changes')
        else:
            from .opening import say
            say('opencv-size', f'{self._path}: OpenCV gives one picture twice, at frame {self.position - 1}. If the frame '
                'size changes there, the frames behind it are wrong; PyAV follows such changes (pip install av)')


class OpenCVFrames(RandomAccess):
    """Frames by number. The file is decoded once to count them, and from its beginning for each batch."""

    module = 'cv2'

    def _open(self) -> None:
        if not isinstance(self._source, str):
            raise ReaderLimitError('OpenCV reads files on disk only')
        capture, times = Capture(self._source), []
        while capture.grab():
            times.append(capture.get('CAP_PROP_POS_MSEC') / 1e3)
        if not times:
            raise ReaderLimitError('has no frame that can be decoded')
        self.fps = capture.fps
        if len(times) == 1 and capture.said > 2:
            raise ReaderLimitError('OpenCV shows a single picture of it, perhaps the cover')
        self.times = _ascending(np.array(times), self.fps)

    def _get(self, wanted: list[int]) -> dict[int, np.ndarray]:
        capture, found = Capture(self._source), {}
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
    """Frames one after the other. Passed-over frames are decoded but not converted; without PyAV the number of frames is
    what OpenCV reads or guesses from the header."""

    module = 'cv2'

    def _open(self, path: str) -> None:
        self._capture = Capture(path)
        self.num_frames, self.fps = self._capture.said, self._capture.fps
        if importlib.util.find_spec('av'):
            from .pyav_reader import OpenVideo, build_index
            index = build_index(OpenVideo(path), path, decode=False)
            self.num_frames, self.times = (index.promised, index.seconds) if index else (0, None)
        if not self._capture.grab():  # what cannot be decoded at all is seen here
            raise ReaderLimitError('has no frame that can be decoded')
        self._first = self._capture.picture()  # one to compare later ones with

    def _read(self, skip: int) -> np.ndarray | None:
        for _ in range(skip + 1):
            if self.position and not self._capture.grab():
                return None
            self.position += 1
        return self._first if self.position == 1 else self._capture.picture()
