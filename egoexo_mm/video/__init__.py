"""The one place that opens, reads and writes videos; every user of the package follows its rules.

A video is what a player shows: never a cover picture, turned as the file says, every frame of the
size of the first, frames numbered in the order in which they are shown, and only those that can be
shown.
"""

from .base import Frames, RandomAccess, VideoFile
from .errors import BrokenVideoError, ReaderLimitError
from .names import VIDEO_SUFFIXES, is_video
from .opening import READERS, VideoFacts, check_reader, open_frames, open_stream, probe
from .writing import VideoWriteError, write_mp4

__all__ = [
    'READERS',
    'VIDEO_SUFFIXES',
    'BrokenVideoError',
    'Frames',
    'RandomAccess',
    'ReaderLimitError',
    'VideoFacts',
    'VideoFile',
    'VideoWriteError',
    'check_reader',
    'is_video',
    'open_frames',
    'open_stream',
    'probe',
    'write_mp4',
]
