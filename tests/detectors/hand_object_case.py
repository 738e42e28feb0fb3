"""The shipped detector with the recorded weights, and the original code's results with them."""

from __future__ import annotations

import json
import sys
import zlib
from pathlib import Path

import numpy as np
import torch
from mmengine.config import Config

ROOT = Path(__file__).parents[2]
GOLDEN = ROOT / 'tests' / 'data' / 'golden' / 'hand_object'
CONFIG = ROOT / 'configs' / 'teachers' / 'hand_object_r101_c4.py'
sys.path.insert(0, str(GOLDEN))
from golden_tools import load_blob, seeded_state_dict  # noqa: E402

__all__ = [
    'GOLDEN',
    'build_model',
    'image_sample',
    'load_blob',
    'load_config',
    'original_weights',
    'pair_by_anchor',
]


def load_config():
    return Config.fromfile(CONFIG)  # registers the modules that it names


def original_weights():
    """The seeded state dict in the original names, checked against the recorded sums."""
    keys = json.loads((GOLDEN / 'keys.json').read_text())
    arrays = seeded_state_dict({key: info['shape'] for key, info in keys.items()})
    assert all(zlib.crc32(arrays[key].tobytes()) == info['crc32'] for key, info in keys.items())
    return {key: torch.from_numpy(np.array(array)) for key, array in arrays.items()}


def build_model(weights):
    """The detector with original weights, for inference."""
    cfg = load_config()
    from mmdet.registry import MODELS

    from egoexo_mm.checkpoints.hand_object import to_mmdet

    model = MODELS.build(cfg.model)
    model.load_state_dict(to_mmdet(weights), strict=True)
    return model.eval()


def image_sample(height, width, scale):
    from mmdet.structures import DetDataSample

    return DetDataSample(metainfo=dict(img_shape=(height, width), scale_factor=(scale, scale)))


def pair_by_anchor(channels):
    """(24, h, w) scores, 12 background, 12 foreground -> (1, 24, h, w) pairs, foreground first."""
    background, foreground = torch.from_numpy(channels).chunk(2)
    return torch.stack([foreground, background], dim=1).flatten(0, 1)[None]
