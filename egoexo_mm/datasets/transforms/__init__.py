"""Pipeline steps: sampling clips, cropping, and loading targets; importing this registers them."""

from .clip_reader_init import ClipReaderInit
from .crops import RandomRescaleCrop, UniformThreeCrop
from .geometry import TrackGeometry
from .load_targets import LoadTargets
from .rand_augment import ClipRandAugment
from .sampling import SampleClampedFrames, SampleTimeWindow
from .seeding import SeedAugmentations
from .segments import TrimSegment, UnionFrameLabels
from .views import FormatViews, RepeatFrames, UniqueFrames

__all__ = [
    'ClipRandAugment',
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
