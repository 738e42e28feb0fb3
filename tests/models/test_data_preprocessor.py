import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample

import egoexo_mm  # noqa: F401


def preprocessor(**kwargs):
    return MODELS.build(
        dict(
            type='EgoExoDataPreprocessor',
            mean=[10.0, 20.0, 30.0],
            std=[2.0, 2.0, 2.0],
            format_shape='NCTHW',
            **kwargs,
        )
    )


def batch(label=0):
    frames = (
        torch.tensor([100, 150, 200], dtype=torch.uint8).view(1, 3, 1, 1, 1).expand(1, 3, 2, 4, 4)
    )  # R, G, B
    return dict(inputs=[frames.clone()], data_samples=[ActionDataSample().set_gt_label(label)])


@pytest.mark.parametrize(
    'kwargs, expected',
    [
        (dict(), [45, 65, 85]),
        (dict(channel_order='rgb'), [45, 65, 85]),
        (dict(channel_order='bgr'), [95, 65, 35]),
    ],
)  # (200 - 10) / 2 first
def test_channel_order(kwargs, expected):
    inputs = preprocessor(**kwargs)(batch())['inputs']
    assert inputs.shape == (1, 1, 3, 2, 4, 4)
    assert inputs[0, 0, :, 0, 0, 0].tolist() == expected


def test_default_equals_the_host():
    host = MODELS.build(
        dict(
            type='ActionDataPreprocessor',
            mean=[10.0, 20.0, 30.0],
            std=[2.0, 2.0, 2.0],
            format_shape='NCTHW',
        )
    )
    assert torch.equal(
        preprocessor()(batch(), training=True)['inputs'], host(batch(), training=True)['inputs']
    )


def test_unlabelled_training_samples():
    data = batch([-1, -1])
    data['data_samples'][0].set_metainfo(dict(narration_id='P01_11_3'))
    with pytest.raises(ValueError, match=r'narration_id P01_11_3: expected class ids from 0'):
        preprocessor()(data, training=True)
    preprocessor()(data, training=False)  # a test split may be


@pytest.mark.parametrize(
    'kwargs, message',
    [
        (dict(channel_order='gbr'), "channel_order must be 'rgb' or 'bgr', got 'gbr'"),
        (dict(to_rgb=True), 'takes channel_order instead of to_rgb'),
    ],
)
def test_bad_options(kwargs, message):
    with pytest.raises(ValueError, match=message):
        preprocessor(**kwargs)
