"""HandObjectDataset, built by mmdet's registry."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import egoexo_mm  # noqa: F401

pytest.importorskip('mmdet.datasets')
from mmdet.registry import DATASETS, METRICS  # noqa: E402

from egoexo_mm.datasets import hand_object_dataset  # noqa: E402, F401
from egoexo_mm.evaluation import HandObjectMetric  # noqa: E402
from tests.datasets.hand_object_files import CUP, FREE, HAND, write_folder, xml  # noqa: E402
from tests.hosts import BUILT  # noqa: E402

ROOT = Path(__file__).parents[2]


def build(root, pipeline=(), **options):
    return DATASETS.build(
        dict(
            type='mmdet.HandObjectDataset',
            ann_file='train.txt',
            data_root=str(root),
            pipeline=list(pipeline),
            **options,
        )
    )


def boxed(*corners):
    return {**HAND, 'bndbox': corners}


def test_rows(tmp_path):
    data = build(write_folder(tmp_path, boards_1=xml(HAND, FREE, CUP)))
    info = data.get_data_info(0)
    assert data.metainfo['classes'] == ('targetobject', 'hand')
    assert (info['img_id'], info['width'], info['height']) == ('boards_1', 320, 240)
    assert info['img_path'] == str(tmp_path / 'JPEGImages' / 'boards_1.jpg')
    held, free, cup = info['instances']
    assert held.pop('offset') == pytest.approx([0.05, 0.1, 0.0])
    assert held == dict(
        bbox=[10, 10, 29, 29],
        bbox_label=1,
        ignore_flag=0,
        difficult=False,
        contact_state=3,
        side=1,
        object_bbox=[60, 10, 79, 29],
    )
    assert (free['contact_state'], free['offset'], free['object_bbox']) == (
        0,
        [0.0, 0.0, 0.0],
        None,
    )
    assert (cup['bbox_label'], cup['difficult'], cup['ignore_flag'], cup['object_bbox']) == (
        0,
        True,
        0,
        None,
    )


@pytest.mark.parametrize(
    ('written', 'offset'),
    [
        (dict(unitdx='0.06', unitdy='-0.08'), [0.05, 0.06, -0.08]),  # of length 0.1
        (dict(unitdx='0.6', unitdy='-0.8'), [0.05, 0.06, -0.08]),  # of length 1
        (dict(unitdx='0', unitdy='0'), [0.0, 0.0, 0.0]),
        (dict(magnitude='-1'), [0.0, 0.0, 0.0]),
    ],
)
def test_offsets(written, offset, tmp_path):
    data = build(write_folder(tmp_path, a=xml({**HAND, **written})))
    assert data.get_data_info(0)['instances'][0]['offset'] == pytest.approx(offset)


def test_filters_of_training(tmp_path):
    # short side 240 -> 600: 10 px are 4 px of the file; (1, 1, 5, 3) is 4 x 2, (1, 1, 4, 4) 3 x 3
    files = dict(
        small=xml(boxed(1, 1, 4, 4)),
        kept=xml(boxed(1, 1, 5, 3), boxed(1, 1, 4, 4), boxed(0, 0, 9, 9)),
        none=xml(),
        many=xml(*[boxed(i, 1, i + 50, 50) for i in range(1, 26)]),
    )
    root = write_folder(tmp_path, **files)
    data = build(root)
    assert [data.get_data_info(i)['img_id'] for i in range(len(data))] == ['kept', 'many']
    assert [item['bbox'] for item in data.get_data_info(0)['instances']] == [
        [0, 0, 4, 2],
        [0, 0, 8, 8],
    ]
    assert [item['bbox'][0] for item in data.get_data_info(1)['instances']] == list(range(20))
    assert len(build(root, filter_cfg=dict(filter_empty_gt=False))) == 4
    assert len(build(root, filter_cfg=dict(min_box_size=1))) == 3
    full = build(root, test_mode=True)  # a test leaves everything as it is, also the box from 0
    assert [len(full.get_data_info(i)['instances']) for i in range(4)] == [1, 3, 0, 25]
    assert full.get_data_info(1)['instances'][2]['bbox'] == [-1, -1, 8, 8]


def test_size_from_the_image(tmp_path):
    root = write_folder(tmp_path, a=xml(HAND, size=None))
    with pytest.raises(
        ValueError, match=r'JPEGImages/a.jpg: cannot be read as an image .* does not say its size'
    ):
        build(root)
    Image.new('RGB', (64, 48)).save(root / 'JPEGImages' / 'a.jpg')
    info = build(root).get_data_info(0)
    assert (info['width'], info['height']) == (64, 48)


def test_pipeline_and_metric(tmp_path):
    """What mmdet's transforms pack, scored by the metric."""
    root = write_folder(tmp_path, a=xml(HAND, {**CUP, 'difficult': '0'}))
    Image.new('RGB', (320, 240)).save(root / 'JPEGImages' / 'a.jpg')
    pipeline = [
        dict(type='mmdet.LoadImageFromFile'),
        dict(type='mmdet.Resize', scale=(1000, 480), keep_ratio=True),
        dict(type='mmdet.LoadAnnotations', with_bbox=True),
        dict(
            type='mmdet.PackDetInputs', meta_keys=('img_id', 'ori_shape', 'img_shape', 'instances')
        ),
    ]
    sample = build(root, pipeline, test_mode=True)[0]['data_samples']
    assert sample.gt_instances.labels.tolist() == [1, 0] and sample.img_shape == (480, 640)
    found = dict(
        bboxes=np.array([[60.0, 10, 79, 29], [10, 10, 29, 29]]),
        scores=np.array([0.8, 0.9]),
        labels=np.array([0, 1]),
        contact_state=np.array([0, 3]),
        side=np.array([0, 1]),
        offset=np.array([[0, 0, 0], [0.05, 0.1, 0]]),
    )
    metric = METRICS.build(dict(type='mmdet.HandObjectMetric'))
    assert (
        type(metric)
        is type(METRICS.build(dict(type='mmaction.HandObjectMetric')))
        is HandObjectMetric
    )
    metric.process(None, [{**sample.to_dict(), 'pred_instances': found}])
    assert list(metric.evaluate(1).values()) == pytest.approx([100.0] * 6)


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (
            dict(filter_cfg=dict(min_size=3)),
            BUILT
            + 'HandObjectDataset: filter_cfg has no min_size; it has min_box_size, short_side',
        ),
        (
            dict(data_prefix=dict(img='JPEGImages')),
            BUILT + r"HandObjectDataset: set data_prefix=dict\(img='FOLDER', ann='FOLDER'\)",
        ),
        (
            dict(filter_cfg=dict(min_box_size=500)),
            'train.txt: none of the 1 images has a box to train on',
        ),
        (dict(data_prefix=dict(img='JPEGImages', ann='gone')), 'gone/a.xml: cannot be read'),
    ],
)
def test_bad_options(options, message, tmp_path):
    root = write_folder(tmp_path, a=xml(HAND))
    with pytest.raises(ValueError, match=message) as caught:
        build(root, **options)
    assert '\n' not in str(caught.value)


def test_package_does_not_import_mmdet():
    code = (
        'import sys, egoexo_mm, egoexo_mm.datasets.annotations.hand_object_xml; '
        'print("mmdet" in sys.modules)'
    )
    done = subprocess.run([sys.executable, '-c', code], capture_output=True, text=True, cwd=ROOT)
    assert done.stdout.split()[-1:] == ['False'], done.stderr
