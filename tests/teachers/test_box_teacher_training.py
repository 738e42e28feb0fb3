"""A small RTMDet learns drawn hands and objects; the touch rule then keeps the held ones."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.structures import InstanceData

import egoexo_mm  # noqa: F401
from egoexo_mm.models.teachers.plain_detector import PlainDetector
from egoexo_mm.targets import HAND, OBJECT
from tests.detectors.drawn_hands import HEIGHT, WIDTH, _draw_hand, _draw_object

CONFIG = Path(__file__).parents[1] / 'data' / 'tiny_rtmdet.py'
CLASSES = ('hand', 'thing')


def draw(rng):
    """An image (3, H, W) in RGB, boxes and labels, and which things a hand holds.

    A hand, which may hold something, is in one half. In the other half, at its outer edge, a thing
    may lie alone.
    """
    shade = rng.normal(rng.uniform(190, 250), 4, (HEIGHT, WIDTH, 3))
    image = shade.clip(0, 255).astype(np.uint8)
    left = int(rng.integers(2)) * WIDTH // 2
    hand = _draw_hand(image, rng, left)
    rows = [(hand['box'], 0, False)]
    if hand['object']:
        rows.append((hand['object'], 1, True))
    if rng.random() < 0.7:
        centre = np.array([WIDTH - 14 if left == 0 else 14, rng.uniform(20, HEIGHT - 20)])
        rows.append((_draw_object(image, int(rng.integers(2, 4)), centre, 24), 1, False))
    box, label, held = zip(*rows)
    box = np.array(box, np.float32) + np.float32([0, 0, 1, 1])
    pixels = torch.from_numpy(image[..., ::-1].copy()).permute(2, 0, 1)
    return pixels, box, np.array(label), np.array(held)


def train_detector(path, steps, batch=16):
    """Weights after some steps on drawn images."""
    from mmdet.structures import DetDataSample

    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    detector = PlainDetector(detector=str(CONFIG), classes=CLASSES)
    network = detector.network.train()
    network.init_weights()
    optimizer = torch.optim.AdamW(network.parameters(), lr=4e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 4e-3, steps)
    for _ in range(steps):
        pixels, boxes, labels, _ = zip(*(draw(rng) for _ in range(batch)))
        meta = dict(img_shape=(128, 128), batch_input_shape=(128, 128), pad_shape=(128, 128))
        samples = []
        for box, label in zip(boxes, labels):
            sample = DetDataSample(metainfo=meta)
            sample.gt_instances = InstanceData(
                bboxes=torch.from_numpy(box), labels=torch.from_numpy(label)
            )
            samples.append(sample)
        losses = network.loss(detector.prepare(torch.stack(pixels)), samples)
        loss = sum(sum(x) if isinstance(x, list) else x for x in losses.values())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()
    torch.save(dict(state_dict=network.state_dict()), path)
    return loss.item()


def overlap(one, other):
    """(A, B) intersection over union."""
    low = np.maximum(one[:, None, :2], other[None, :, :2])
    high = np.minimum(one[:, None, 2:], other[None, :, 2:])
    both = (high - low).clip(0).prod(2)
    areas = [(box[:, 2:] - box[:, :2]).prod(1) for box in (one, other)]
    return both / (areas[0][:, None] + areas[1][None] - both)


@pytest.mark.slow
def test_held_things_are_kept_and_lone_ones_dropped(tmp_path):
    """200 images it has not seen, at the default reach."""
    print('last loss', train_detector(tmp_path / 'drawn.pth', steps=400))
    cfg = Config.fromfile(CONFIG)
    one = dict(detector=cfg.to_dict(), checkpoint=str(tmp_path / 'drawn.pth'), classes=CLASSES)
    teacher = MODELS.build(dict(type='BoxTeacher', hands=one, object_score_thr=0.5))
    rng = np.random.default_rng(1)
    counts = np.zeros((2, 3), int)  # kind: true, found, both
    lone, lone_kept = 0, 0
    for _ in range(200):
        pixels, box, label, held = draw(rng)
        (found,) = teacher.infer(pixels[None, None], (HEIGHT, WIDTH))
        seen = found['box'] * np.float32([WIDTH, HEIGHT, WIDTH, HEIGHT])
        for kind, wanted in ((HAND, label == 0), (OBJECT, held)):
            mine = seen[found['kind'] == kind]
            match = overlap(box[wanted], mine) > 0.5
            counts[kind] += wanted.sum(), len(mine), match.any(1).sum()
        alone = box[(label == 1) & ~held]
        lone += len(alone)
        things = seen[found['kind'] == OBJECT]
        lone_kept += (overlap(alone, things) > 0.5).any(1).sum()
    print('hand, object: true, found, matched', counts.tolist(), 'lone, kept', lone, lone_kept)
    assert (counts[:, 2] >= 0.9 * counts[:, 0]).all()  # recall
    assert (counts[:, 2] >= 0.9 * counts[:, 1]).all()  # precision
    assert lone > 100 and lone_kept <= 0.05 * lone
