from .geometry import TrackGeometry
from .load_targets import LoadTargets
from .sampling import SampleTimeWindow, SeedAugmentations

__all__ = ['LoadTargets', 'SampleTimeWindow', 'SeedAugmentations', 'TrackGeometry']
