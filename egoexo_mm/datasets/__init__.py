from . import transforms
from .video_target_dataset import VideoTargetDataset

__all__ = ['VideoTargetDataset', 'transforms']
