"""Video files read once, front to back; the readers themselves are in :mod:`egoexo_mm.video`."""

from egoexo_mm.video import READERS, BrokenVideoError, VideoFile, check_reader
from egoexo_mm.video.decord_reader import DecordFile
from egoexo_mm.video.opencv_reader import OpenCVFile
from egoexo_mm.video.pyav_reader import PyAVFile

__all__ = [
    'READERS',
    'BrokenVideoError',
    'DecordFile',
    'OpenCVFile',
    'PyAVFile',
    'VideoFile',
    'check_reader',
]
