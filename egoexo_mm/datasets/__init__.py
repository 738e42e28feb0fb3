"""Data sets, their annotation files, and transforms; importing this registers them."""

from . import frame_plans, transforms
from .charades_ego import CharadesEgoDataset
from .charades_ego_view import CharadesEgoViewDataset
from .ego4d_fho import Ego4DFHODataset
from .egoexo4d_keystep import EgoExo4DKeystepDataset
from .epic_kitchens import EpicKitchensDataset
from .video_stream import VideoStreamDataset
from .video_target_dataset import VideoTargetDataset

__all__ = [
    'CharadesEgoDataset',
    'CharadesEgoViewDataset',
    'Ego4DFHODataset',
    'EgoExo4DKeystepDataset',
    'EpicKitchensDataset',
    'VideoStreamDataset',
    'VideoTargetDataset',
    'frame_plans',
    'transforms',
]
