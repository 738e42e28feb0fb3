"""The one place that opens and reads videos; every reader and every user of the package follows the same rules.

A video is what a player shows: never a cover picture, turned as the file says, every frame of the size of the first,
frames numbered in the order in which they are shown, and only those that can be shown.
"""
from .base import Frames, RandomAccess, VideoFile
from .decord_reader import open_video
from .errors import BrokenVideoError, ReaderLimitError
from .opening import READERS, VideoFacts, check_reader, open_frames, open_stream, probe

__all__ = [
    'READERS', 'BrokenVideoError', 'Frames', 'RandomAccess', 'ReaderLimitError', 'VideoFacts', 'VideoFile', 'check_reader',
    'open_frames', 'open_stream', 'open_video', 'probe'
]
