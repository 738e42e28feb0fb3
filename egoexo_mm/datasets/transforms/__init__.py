from .clip_reader_init import ClipReaderInit
from .geometry import TrackGeometry
from .load_targets import LoadTargets
from .rescale_crop import RandomRescaleCrop
from .sampling import SampleTimeWindow, SeedAugmentations
from .segments import SampleClampedFrames, TrimSegment, UniformThreeCrop, UnionFrameLabels
from .small_sets import LoadWholeVideo, PairToVerbNoun

__all__ = [
    'ClipReaderInit', 'LoadTargets', 'LoadWholeVideo', 'PairToVerbNoun', 'RandomRescaleCrop', 'SampleClampedFrames',
    'SampleTimeWindow', 'SeedAugmentations', 'TrackGeometry', 'TrimSegment', 'UniformThreeCrop', 'UnionFrameLabels'
]
