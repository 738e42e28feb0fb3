"""Pictures of videos and their targets, drawn with OpenCV.

Every function takes and gives arrays: a frame or picture is (H, W, 3) uint8 RGB. Only :mod:`.files`
and :mod:`.class_names` read and write files.
"""

from .class_names import imagenet_names, read_names
from .draw import COLOURS, dim, draw_detections, linked_objects, overlay_map
from .files import VideoFrames, VisualizationError, write_mp4, write_png
from .panels import ScoreBar, fit_short_side, frame_panel, score_bars, score_strip
from .ranking import find_videos, rank_by_ego, ranking_sheet
from .sheet import grid, heading, letterbox, stack
from .video_targets import VideoTargets

__all__ = [
    'COLOURS',
    'ScoreBar',
    'VideoFrames',
    'VideoTargets',
    'VisualizationError',
    'dim',
    'draw_detections',
    'find_videos',
    'fit_short_side',
    'frame_panel',
    'grid',
    'heading',
    'imagenet_names',
    'letterbox',
    'linked_objects',
    'overlay_map',
    'rank_by_ego',
    'ranking_sheet',
    'read_names',
    'score_bars',
    'score_strip',
    'stack',
    'write_mp4',
    'write_png',
]
