"""Average precision of predicted maps, by hand, and through the recognizer that predicts them."""

import numpy as np
import pytest
import torch
from mmaction.registry import METRICS, MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config

import study.modules  # noqa: F401
from tests.tiny import CONFIG


def sample(target, predicted):
    """Maps (2, T, H, W) from nested lists of both maps of one frame and one row."""
    target, predicted = (torch.tensor(maps)[:, None, None] for maps in (target, predicted))
    return dict(interaction_map=target, pred_interaction_map=predicted)


def score(samples, clips=None, **options):
    metric = METRICS.build(dict(type='InteractionMapMetric', **options))
    metric.process(dict(inputs=clips or [torch.zeros(1, 3, 4, 8, 8)] * len(samples)), samples)
    return metric.evaluate(len(samples))


def test_by_hand():
    """Hand: ranks 0.9 (hit), 0.8, 0.7 (hit), 0.1: (1 + 2/3) / 2. Object: hit 4 of 4: 1/4."""
    found = score(
        [
            sample([[1.0, 0.0], [0.0, 0.0]], [[0.9, 0.8], [0.4, 0.3]]),
            sample([[0.6, 0.4], [1.0, 0.0]], [[0.7, 0.1], [0.1, 0.2]]),
        ]
    )
    assert found['map/hand_ap'] == pytest.approx(100 * (1 + 2 / 3) / 2) and found[
        'map/object_ap'
    ] == pytest.approx(25)
    assert found['map/mean_ap'] == pytest.approx((100 * 5 / 6 + 25) / 2)
    assert (
        found['map/hand_constant'] == 50 and found['map/object_constant'] == 25
    )  # shares of positive cells
    assert found['map/hand_position'] == 100  # the left cell is always a hit, the right one never
    assert found['map/object_position'] == 50  # the left cell in one clip of two


def test_examples(tmp_path):
    clip = torch.arange(4, dtype=torch.uint8)[None, None, :, None, None].expand(
        1, 3, 4, 2, 2
    )  # frame t has the value t
    maps = np.zeros((2, 2, 1, 1))
    maps[:, 1] = 1
    item = dict(interaction_map=torch.tensor(maps), pred_interaction_map=torch.tensor(maps / 2))
    score([item] * 3, [clip] * 3, examples_file=str(tmp_path / 'maps.npz'), num_examples=2)
    with np.load(tmp_path / 'maps.npz') as found:
        assert {name: value.shape for name, value in found.items()} == dict(
            frames=(2, 2, 2, 3), target=(2, 2, 1, 1), predicted=(2, 2, 1, 1)
        )
        # the second of two maps is the middle one, and begins at frame 2 of 4
        assert (
            (found['frames'] == 2).all()
            and (found['target'] == 1).all()
            and (found['predicted'] == 0.5).all()
        )


def test_mistakes():
    with pytest.raises(ValueError, match='no test clip has an interaction_map'):
        score([dict(pred_interaction_map=torch.zeros(2, 1, 1, 2))])
    with pytest.raises(
        ValueError, match=r'predicted maps are \(2, 1, 1, 1\) and targets \(2, 1, 1, 2\)'
    ):
        score(
            [
                dict(
                    interaction_map=torch.zeros(2, 1, 1, 2),
                    pred_interaction_map=torch.zeros(2, 1, 1, 1),
                )
            ]
        )


def test_recognizer_predicts_the_maps_of_its_head():
    torch.manual_seed(0)
    cfg = Config.fromfile(CONFIG).model
    model = MODELS.build(dict(cfg, type='InteractionMapRecognizer'))
    plain = MODELS.build(cfg)
    plain.load_state_dict(model.state_dict())  # the same checkpoint
    model.eval(), plain.eval()
    clips = torch.randn(3, 1, 3, 16, 64, 64)
    with torch.no_grad():
        samples = model.predict(clips, [ActionDataSample() for _ in range(3)])
        expected = plain.aux_heads['interaction_map'](plain.extract_feat(clips)[0]).sigmoid()
    torch.testing.assert_close(
        torch.stack([found.pred_interaction_map for found in samples]), expected
    )
    with pytest.raises(ValueError, match='single views, got 2 a sample'):
        model.predict(clips.expand(3, 2, 3, 16, 64, 64), samples)
    with pytest.raises(ValueError, match="needs aux_heads with 'interaction_map', got"):
        MODELS.build(dict(cfg, type='InteractionMapRecognizer', aux_heads=None))
