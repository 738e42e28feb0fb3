from .geometry import TrackGeometry
from .load_targets import LoadTargets
from .sampling import SampleTimeWindow, SeedAugmentations
from .segments import SampleClampedFrames, TrimSegment, UniformThreeCrop, UnionFrameLabels
from .small_sets import LoadWholeVideo, PairToVerbNoun

__all__ = [
    'LoadTargets', 'LoadWholeVideo', 'PairToVerbNoun', 'SampleClampedFrames', 'SampleTimeWindow', 'SeedAugmentations',
    'TrackGeometry', 'TrimSegment', 'UniformThreeCrop', 'UnionFrameLabels'
]
