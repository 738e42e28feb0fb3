"""A hand-object detector of mmdet and its weights; functions import mmdet when they are called."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmengine.utils import import_modules_from_strings
from torch import nn

from egoexo_mm.checkpoints.filling import fill
from egoexo_mm.checkpoints.hand_object import ego_warning, read_weights


def read_config(detector: str | Path | dict[str, Any]) -> Config:
    """The config of a detector, from a file or a dict with ``model``.

    Raises:
        ValueError: For no such file, or no ``model`` with a second stage.
    """
    if isinstance(detector, (str, Path)):
        if not Path(detector).is_file():
            raise ValueError(
                f'{detector} is not a file; expected the mmdet config of a hand-object detector'
            )
        cfg = Config.fromfile(detector)
    else:
        cfg = Config(copy.deepcopy(dict(detector)))
        if cfg.get('custom_imports'):
            import_modules_from_strings(**cfg.custom_imports)
    if 'rcnn' not in (cfg.get('model', {}).get('test_cfg') or {}):
        raise ValueError(
            f'{_name(detector)}: expected an mmdet config whose model has test_cfg.rcnn, as that '
            'of a HandObjectRoIHead; see configs/teachers/hand_object_r101_c4.py'
        )
    return cfg


def build_detector(cfg: Config) -> nn.Module:
    """The mmdet detector of a config.

    Raises:
        ImportError: mmdet is not installed.
        ValueError: Its second stage is not a ``HandObjectRoIHead``.
    """
    try:
        from mmdet.registry import MODELS

        from egoexo_mm.models.detectors import HandObjectRoIHead
    except ImportError as error:
        raise ImportError(
            f'a hand-object detector needs mmdet ({error}); pip install mmdet==3.3.0'
        ) from None
    with DefaultScope.overwrite_default_scope('mmdet'):
        detector = MODELS.build(cfg.model)
    if not isinstance(getattr(detector, 'roi_head', None), HandObjectRoIHead):
        raise ValueError(
            f'{type(detector).__name__} of {_name(cfg.filename)} has no HandObjectRoIHead, which '
            "finds the hands' sides and contacts; see configs/teachers/hand_object_r101_c4.py"
        )
    return detector


def load_weights(detector: nn.Module, path: str | Path) -> None:
    """Load a checkpoint of mmdet or of the original code, every weight of it.

    Warns if, by its name, the model saw no egocentric video.

    Raises:
        ValueError: The file cannot be read or holds other weights. Names the path.
    """
    weights, name = read_weights(path)
    fill(detector, weights, path, 'those of this detector: give the config it was trained with')
    warning = ego_warning(name)
    if warning:
        MMLogger.get_current_instance().warning(f'{path}: {warning}')


def image_scaling(cfg: Config) -> dict[str, int | None]:
    """``short_side`` and ``max_long_side`` of the test pipeline; by default 600 and 1000."""
    for step in cfg.get('test_pipeline', ()):
        if step['type'] == 'ScaleImage':
            return dict(
                short_side=step.get('short_side', 600),
                max_long_side=step.get('max_long_side', 1000),
            )
        if step['type'] == 'Resize' and step.get('keep_ratio'):
            return dict(short_side=min(step['scale']), max_long_side=max(step['scale']))
    return dict(short_side=600, max_long_side=1000)


def _name(detector: str | Path | dict | None) -> str:
    return str(detector) if isinstance(detector, (str, Path)) else 'detector'
