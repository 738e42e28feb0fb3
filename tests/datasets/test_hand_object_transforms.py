"""Hands in mmdet's pipelines: boxes, sides and offsets follow the pixels."""

import numpy as np
import pytest
import torch
from PIL import Image

import egoexo_mm  # noqa: F401

pytest.importorskip('mmdet.datasets')
from mmdet.registry import DATASETS, TRANSFORMS  # noqa: E402
from mmengine.registry import DefaultScope  # noqa: E402

from egoexo_mm.datasets import hand_object_dataset  # noqa: E402, F401
from egoexo_mm.datasets.transforms import hand_object  # noqa: E402, F401
from tests.datasets.hand_object_files import CUP, FREE, HAND, write_folder, xml  # noqa: E402
from tests.hosts import needs  # noqa: E402

# steps without a resize, which older ones ask for
pytestmark = needs('mmdet', '3.2', 'packing without a scale')
PACK = dict(type='PackHandObjectInputs')


def run(folder, *steps, test_mode=False):
    """The first image of a folder through a pipeline that starts with loading."""
    pipeline = [dict(type='LoadImageFromFile'), dict(type='LoadHandObjectAnnotations'), *steps]
    with DefaultScope.overwrite_default_scope('mmdet'):
        return DATASETS.build(
            dict(
                type='HandObjectDataset',
                ann_file='train.txt',
                data_root=str(folder),
                pipeline=pipeline,
                img_suffix='.png',
                test_mode=test_mode,
            )
        )[0]


def flip(direction):
    return dict(type='HandObjectFlip', prob=1.0, direction=direction)


@pytest.fixture
def folder(tmp_path):
    """A hand painted white (11 to 30 from 1) on 120 x 60 pixels; a free hand and a cup."""
    free, cup = {**FREE, 'bndbox': (91, 11, 110, 30)}, {**CUP, 'difficult': '0'}
    root = write_folder(tmp_path, a=xml(HAND, free, cup, size=(120, 60)))
    image = np.zeros((60, 120, 3), np.uint8)
    image[10:30, 10:30] = 255
    Image.fromarray(image).save(root / 'JPEGImages' / 'a.png')
    return root


def test_packed_fields(folder):
    sample = run(folder, PACK)['data_samples']
    found = sample.gt_instances
    assert found.labels.tolist() == [1, 1, 0] and found.bboxes.tensor[0].tolist() == [
        10,
        10,
        29,
        29,
    ]
    assert found.contact_state.tolist() == [3, 0, 0] and found.side.tolist() == [1, 0, 0]
    torch.testing.assert_close(found.offset, torch.tensor([[0.05, 0.1, 0], [0, 0, 0], [0, 0, 0]]))
    assert (found.contact_state.dtype, found.side.dtype, found.offset.dtype) == (
        torch.int64,
        torch.int64,
        torch.float32,
    )
    assert 'instances' not in sample.metainfo


def test_metric_gets_the_annotation(folder):
    sample = run(folder, dict(PACK, meta_keys=('img_id', 'instances')), test_mode=True)[
        'data_samples'
    ]
    assert [item['contact_state'] for item in sample.instances] == [3, 0, 0]


def painted(image):
    """The box of the white pixels of a (3, H, W) image, ends inside."""
    rows, columns = (image[0] > 127).nonzero(as_tuple=True)
    return [columns.min().item(), rows.min().item(), columns.max().item(), rows.max().item()]


@pytest.mark.parametrize(
    ('direction', 'box', 'sides', 'offset'),
    [
        (
            'horizontal',
            [90, 10, 109, 29],
            [0, 1, 0],
            [0.05, -0.1, 0],
        ),  # 120 - 1 - 29 = 90; sides of the two hands swap
        ('vertical', [10, 30, 29, 49], [0, 1, 0], [0.05, 0.1, 0]),
        (
            'diagonal',
            [90, 30, 109, 49],
            [1, 0, 0],
            [0.05, -0.1, 0],
        ),  # turned by 180 degrees: a right hand stays one
    ],
)
def test_flip(folder, direction, box, sides, offset):
    data = run(folder, flip(direction), PACK)
    found = data['data_samples'].gt_instances
    assert found.bboxes.tensor[0].tolist() == box == painted(data['inputs'])
    assert found.side.tolist() == sides and found.contact_state.tolist() == [3, 0, 0]
    torch.testing.assert_close(found.offset[0], torch.tensor(offset))


def test_dy_follows_a_vertical_flip(folder):
    text = xml({**HAND, 'unitdx': '0.06', 'unitdy': '-0.08'}, size=(120, 60))
    (folder / 'Annotations' / 'a.xml').write_text(text)
    found = run(folder, flip('vertical'), PACK)['data_samples'].gt_instances
    torch.testing.assert_close(found.offset, torch.tensor([[0.05, 0.06, 0.08]]))


def test_flip_after_scaling(folder):
    """Twice as large, columns 20 to 59 are painted.

    The box is 20 to 58, where the last pixel of the file begins.
    Mirrored, columns 180 to 219 of 240 are painted, and the box starts with them."""
    data = run(
        folder, dict(type='Resize', scale=(240, 120), keep_ratio=True), flip('horizontal'), PACK
    )
    found = data['data_samples'].gt_instances
    assert found.bboxes.tensor[0].tolist() == [180, 20, 218, 58]
    assert painted(data['inputs'])[0] in (179, 180, 181)  # interpolation blurs the edge
    torch.testing.assert_close(
        found.offset[0], torch.tensor([0.05, -0.1, 0])
    )  # in pixels of the file all the same


def test_no_flip_changes_nothing(folder):
    found = run(folder, dict(type='HandObjectFlip', prob=0.0), PACK)['data_samples'].gt_instances
    assert found.bboxes.tensor[0].tolist() == [10, 10, 29, 29] and found.side.tolist() == [1, 0, 0]


def test_flipping_leaves_the_dataset_alone(folder):
    pipeline = [
        dict(type='LoadImageFromFile'),
        dict(type='LoadHandObjectAnnotations'),
        flip('horizontal'),
        PACK,
    ]
    with DefaultScope.overwrite_default_scope('mmdet'):
        data = DATASETS.build(
            dict(
                type='HandObjectDataset',
                ann_file='train.txt',
                data_root=str(folder),
                pipeline=pipeline,
                img_suffix='.png',
            )
        )
        assert data[0]['data_samples'].gt_instances.side.tolist() == [0, 1, 0]
        assert data[0]['data_samples'].gt_instances.side.tolist() == [0, 1, 0]


def test_a_box_of_one_pixel_has_a_logarithm(folder):
    thin = {**HAND, 'bndbox': (11, 11, 11, 50)}
    (folder / 'Annotations' / 'a.xml').write_text(xml(thin, size=(120, 60)))
    found = run(folder, PACK)['data_samples'].gt_instances
    assert found.bboxes.tensor.tolist() == [[10, 10, 11, 49]]


def test_no_boxes(folder):
    (folder / 'Annotations' / 'a.xml').write_text(xml(size=(120, 60)))
    found = run(folder, flip('horizontal'), PACK, test_mode=True)['data_samples'].gt_instances
    shapes = {name: tuple(value.shape) for name, value in found.items()}
    assert shapes == dict(bboxes=(0, 4), labels=(0,), contact_state=(0,), side=(0,), offset=(0, 3))


def test_transforms_that_drop_boxes(folder):
    loaded = run(folder)
    loaded['gt_bboxes'] = loaded['gt_bboxes'][:2]
    with pytest.raises(
        ValueError,
        match=r"a\.png: the pipeline changed the number of boxes but not .*'gt_bboxes': 2, "
        r"'gt_contact_states': 3.*; leave out transforms that drop, crop or mix boxes$",
    ):
        TRANSFORMS.build(dict(PACK, _scope_='mmdet'))(loaded)
