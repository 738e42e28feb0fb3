from .geometry import TrackGeometry
from .load_targets import LoadTargets
from .sampling import SampleTimeWindow, SeedAugmentations
from .segments import SampleClampedFrames, TrimSegment, UniformThreeCrop, UnionFrameLabels

__all__ = [
    'LoadTargets', 'SampleClampedFrames', 'SampleTimeWindow', 'SeedAugmentations', 'TrackGeometry', 'TrimSegment',
    'UniformThreeCrop', 'UnionFrameLabels'
]
