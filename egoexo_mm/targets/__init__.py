"""The store of teacher outputs: write, read, and convert from released files.

Needs numpy and pyarrow only. The format is described in ``docs/target_store.md``.
"""

from .errors import MissingVideoError, TargetStoreError
from .frames import stored_frames
from .manifest import SCHEMA_VERSION, Manifest, video_id_from_path
from .records import HAND, OBJECT, Detections, VideoInfo
from .store import TargetStore, open_stores
from .writer import StoreWriter

__all__ = [
    'HAND',
    'OBJECT',
    'SCHEMA_VERSION',
    'Detections',
    'Manifest',
    'MissingVideoError',
    'StoreWriter',
    'TargetStore',
    'TargetStoreError',
    'VideoInfo',
    'open_stores',
    'stored_frames',
    'video_id_from_path',
]
