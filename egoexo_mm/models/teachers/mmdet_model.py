"""A hand-object detector of mmdet and its weights; functions import mmdet when they are called."""

from __future__ import annotations

import copy
import functools
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.registry import DefaultScope
from mmengine.utils import import_modules_from_strings
from torch import Tensor, nn

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
    """``short_side`` and ``max_long_side`` of the test pipeline; without one 600 and 1000.

    Raises:
        ValueError: It has no step that scales both axes alike to a size.
    """
    for step in cfg.get('test_pipeline', ()):
        if step_name(step) == 'ScaleImage':
            return dict(
                short_side=step.get('short_side', 600),
                max_long_side=step.get('max_long_side', 1000),
            )
        scale = step.get('scale')
        if step_name(step) == 'Resize' and step.get('keep_ratio') and isinstance(scale, Sequence):
            return dict(short_side=min(scale), max_long_side=max(scale))
    if cfg.get('test_pipeline'):
        raise ValueError(
            f'{_name(cfg.filename)}: its test_pipeline has neither ScaleImage nor Resize with a '
            'scale of two numbers and keep_ratio=True; set short_side and max_long_side'
        )
    return dict(short_side=600, max_long_side=1000)


def step_name(step: dict[str, Any]) -> str:
    """Name of the class of a pipeline step, which may be given with a scope or as the class."""
    kind = step['type']
    return getattr(kind, '__name__', str(kind)).split('.')[-1]


def decode_in_full_precision(detector: nn.Module) -> None:
    """Make heads turn their outputs into boxes in float32, also under autocast.

    In half precision boxes are rounded to pixels, and the suppression of overlapping boxes fails
    for classes of high numbers, which it tells apart by adding to the coordinates.
    """
    for head in detector.modules():
        if hasattr(head, 'predict_by_feat'):
            head.predict_by_feat = _full_precision(head.predict_by_feat, detector)


def _full_precision(function: Callable[..., Any], detector: nn.Module) -> Callable[..., Any]:
    @functools.wraps(function)
    def run(*args: Any, **kwargs: Any) -> Any:
        device = next(detector.parameters()).device.type
        with torch.autocast(device, enabled=False):
            return function(*_as_float(args), **_as_float(kwargs))

    return run


def _as_float(value: Any) -> Any:
    """Half-precision tensors in lists, tuples and dicts as float32."""
    if isinstance(value, Tensor):
        return value.float() if value.dtype in (torch.float16, torch.bfloat16) else value
    if type(value) in (list, tuple):
        return type(value)(map(_as_float, value))
    return {key: _as_float(item) for key, item in value.items()} if type(value) is dict else value


def _name(detector: str | Path | dict | None) -> str:
    return str(detector) if isinstance(detector, (str, Path)) else 'detector'
