"""Registered classes that only the rendered world needs.

A config reaches them with ``custom_imports = dict(imports=['egoexo_mm', 'study.modules'])``, where
``tools`` is on the path: in every script of ``tools``, and where PYTHONPATH names that folder.
"""

import egoexo_mm  # noqa: F401  first: its workarounds have to be active before mmaction.models

from .conv_stem_transformer import ConvStemTransformer
from .epic_share_dataset import EpicShareDataset
from .image_folder import ImageFolderDataset
from .interaction_map_metric import InteractionMapMetric
from .interaction_map_recognizer import InteractionMapRecognizer
from .linear_probe_metric import FeatureRecognizer, LinearProbeMetric
from .recognizer_object import RecognizerObjectTeacher
from .simsiam import SimSiamRecognizer, TwoViews
from .small_sets import LoadWholeVideo, PairToVerbNoun
from .things_in_sight_metric import ThingsInSightMetric

__all__ = [
    'ConvStemTransformer',
    'EpicShareDataset',
    'FeatureRecognizer',
    'ImageFolderDataset',
    'InteractionMapMetric',
    'InteractionMapRecognizer',
    'LinearProbeMetric',
    'LoadWholeVideo',
    'PairToVerbNoun',
    'RecognizerObjectTeacher',
    'SimSiamRecognizer',
    'ThingsInSightMetric',
    'TwoViews',
]
