"""The detector of tests/data/tiny_teacher_detector.py with seeded weights that find something."""

from __future__ import annotations

from pathlib import Path

import torch
from mmengine.config import Config

from egoexo_mm.models.teachers.mmdet_model import build_detector

CONFIG = Path(__file__).parents[1] / 'data' / 'tiny_teacher_detector.py'


def load_config(variant: str = 'model') -> Config:
    """``model`` or ``pyramid`` as the config's model."""
    cfg = Config.fromfile(CONFIG)
    return Config(dict(model=cfg[variant], test_pipeline=cfg.test_pipeline))


def write_weights(path: Path, variant: str = 'model', seed: int = 11) -> Path:
    """Seeded weights; scores and hand layers are spread out, so that none is at a threshold."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        detector = build_detector(load_config(variant))
        head, hand = detector.roi_head.bbox_head, detector.roi_head.hand_head
        for layer, std in (
            (head.fc_cls, 1),
            (head.fc_reg, 0.3),
            (hand.contact[3], 1),
            (hand.side, 1),
            (hand.offset, 0.001),
        ):
            torch.nn.init.normal_(layer.weight, std=std)
            torch.nn.init.normal_(layer.bias, std=std)
    torch.save(dict(state_dict=detector.state_dict(), meta=dict(epoch=1)), path)
    return path
