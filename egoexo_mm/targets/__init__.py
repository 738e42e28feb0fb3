"""The store of teacher outputs: write, read, inspect, and convert from released files.

Needs numpy and pyarrow only. The format is described in ``docs/target_store.md``.
"""

from egoexo_mm.interaction_maps import HAND, OBJECT

from .store.errors import MissingVideoError, TargetStoreError
from .store.frame_matching import stored_frames
from .store.manifest import SCHEMA_VERSION, Manifest, video_id_from_path
from .store.records import Detections, VideoInfo
from .store.target_store import TargetStore, open_stores
from .store.writer import StoreWriter

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
