"""The hand-object detector of Shan et al. as mmdet modules; importing this package needs mmdet.

``egoexo_mm`` does not import it: a detector's config names it in ``custom_imports``.
"""

from .ceil_pool_resnet import CeilPoolResNet
from .hand_object_head import HandObjectHead
from .hand_object_roi_head import HandObjectRoIHead
from .inclusive_box_coder import InclusiveDeltaBoxCoder
from .rounded_anchor_generator import RoundedAnchorGenerator
from .scale_image import ScaleImage
from .shared_fcs import SharedFCs

__all__ = [
    'CeilPoolResNet',
    'HandObjectHead',
    'HandObjectRoIHead',
    'InclusiveDeltaBoxCoder',
    'RoundedAnchorGenerator',
    'ScaleImage',
    'SharedFCs',
]
