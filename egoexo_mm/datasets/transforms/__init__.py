from .clip_reader_init import ClipReaderInit
from .geometry import TrackGeometry
from .load_targets import LoadTargets
from .rescale_crop import RandomRescaleCrop
from .sampling import SampleTimeWindow, SeedAugmentations
from .segments import SampleClampedFrames, TrimSegment, UniformThreeCrop, UnionFrameLabels
from .views import FormatViews, RepeatFrames, UniqueFrames

__all__ = [
    'ClipReaderInit',
    'FormatViews',
    'LoadTargets',
    'RandomRescaleCrop',
    'RepeatFrames',
    'SampleClampedFrames',
    'SampleTimeWindow',
    'SeedAugmentations',
    'TrackGeometry',
    'TrimSegment',
    'UniformThreeCrop',
    'UnionFrameLabels',
    'UniqueFrames',
]
