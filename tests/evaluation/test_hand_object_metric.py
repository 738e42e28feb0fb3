"""HandObjectMetric: fields of a data sample, percent, bad input."""

import numpy as np
import pytest
import torch
from mmaction.registry import METRICS

import egoexo_mm  # noqa: F401
from egoexo_mm.evaluation import HandObjectMetric

HAND_BOX, CUP = [10.0, 10.0, 29.0, 29.0], [60.0, 10.0, 79.0, 29.0]


def sample(**changes):
    """A hand whose offset leads to its cup, both found; the hand's side is wrong."""
    found = dict(
        bboxes=torch.tensor([CUP, HAND_BOX]),
        scores=torch.tensor([0.8, 0.9]),
        labels=torch.tensor([0, 1]),
        contact_state=torch.tensor([2, 3]),
        side=torch.tensor([0, 0]),
        offset=torch.tensor([[0.0, 0.0, 0.0], [0.05, 0.1, 0.0]]),
    )
    instances = [
        dict(
            bbox=HAND_BOX,
            bbox_label=1,
            ignore_flag=0,
            difficult=False,
            contact_state=3,
            side=1,
            object_bbox=CUP,
        ),
        dict(
            bbox=CUP,
            bbox_label=0,
            ignore_flag=0,
            difficult=False,
            contact_state=0,
            side=0,
            object_bbox=None,
        ),
    ]
    changed = {name: changes.pop(name) for name in list(changes) if name in found}
    return {
        'img_id': 'boards_0001',
        'pred_instances': {**found, **changed},
        'instances': instances,
        **changes,
    }


def nothing_found():
    empty = dict(
        bboxes=torch.zeros(0, 4),
        scores=torch.zeros(0),
        labels=torch.zeros(0, dtype=torch.long),
        contact_state=torch.zeros(0, dtype=torch.long),
        side=torch.zeros(0, dtype=torch.long),
        offset=torch.zeros(0, 3),
    )
    return sample(**empty)


def evaluate(metric, batch):
    metric.process(None, batch)
    return metric.evaluate(len(batch))


def test_six_values_in_percent():
    metric = METRICS.build(dict(type='HandObjectMetric'))
    assert evaluate(metric, [sample()]) == {
        f'hand_object/{name}': pytest.approx(value)
        for name, value in {
            'Hand': 100.0,
            'Obj': 100.0,
            'H+Side': 0.0,
            'H+State': 100.0,
            'H+O': 100.0,
            'All': 0.0,
        }.items()
    }


def test_images_without_detections_count():
    values = evaluate(HandObjectMetric(), [sample(), nothing_found()])
    assert values['hand_object/Hand'] == pytest.approx(100 * 6 / 11)  # recall 1/2 at precision 1


def test_text_rounding():
    lower = torch.tensor(
        [CUP, [10, 10, 29, 19.04]]
    )  # IoU .502; with a decimal .5, which is too little
    assert evaluate(HandObjectMetric(), [sample(bboxes=lower)])[
        'hand_object/Hand'
    ] == pytest.approx(100.0)
    assert (
        evaluate(HandObjectMetric(text_rounding=True), [sample(bboxes=lower)])['hand_object/Hand']
        == 0.0
    )


def test_half_precision_scores():
    values = evaluate(HandObjectMetric(), [sample(scores=torch.tensor([0.8, 0.9]).bfloat16())])
    assert values['hand_object/Hand'] == pytest.approx(100.0)


def test_only_objects_annotated():
    values = evaluate(HandObjectMetric(), [sample(instances=sample()['instances'][1:])])
    assert values['hand_object/Obj'] == pytest.approx(100.0) and np.isnan(
        values['hand_object/Hand']
    )


@pytest.mark.parametrize(
    ('batch', 'message'),
    [
        ([], '^no results to score; the test set is empty'),
        ([sample(instances=[])], '^AP is undefined: the 1 images have no annotated box'),
        (
            [sample(instances=None)],
            "^boards_0001: no annotation to score against; add 'instances' to the meta_keys",
        ),
        (
            [sample(pred_instances=dict(bboxes=torch.zeros(0, 4), scores=[], labels=[]))],
            '^boards_0001: pred_instances lacks contact_state, offset, side; the metric needs a '
            'hand-object detector',
        ),
        (
            [sample(scores=torch.ones(3))],
            '^boards_0001: the fields of pred_instances differ in length',
        ),
        (
            [sample(offset=torch.ones(2, 2))],
            '^boards_0001: expected boxes of 4 numbers, offsets of 3',
        ),
        (
            [sample(scores=torch.tensor([0.5, float('nan')]))],
            '^boards_0001: a detection is NaN or infinite',
        ),
    ],
)
def test_bad_input(batch, message):
    with pytest.raises(ValueError, match=message) as caught:
        evaluate(HandObjectMetric(), batch)
    assert '\n' not in str(caught.value)
