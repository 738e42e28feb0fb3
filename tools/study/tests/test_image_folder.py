"""Folders of pictures as clips of one frame."""

import cv2
import numpy as np
import pytest
from mmaction.registry import DATASETS

import study.modules  # noqa: F401

PIPELINE = [
    dict(type='SampleClampedFrames', clip_len=1, frame_interval=1),
    dict(type='RawFrameDecode'),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]


def folder(root, **classes):
    for number, (name, files) in enumerate(classes.items()):
        (root / name).mkdir()
        for file in files:
            cv2.imwrite(str(root / name / file), np.full((6, 8, 3), 10 * number, np.uint8))
    return root


def build(root):
    return DATASETS.build(
        dict(type='ImageFolderDataset', ann_file=str(root), pipeline=PIPELINE, start_index=1)
    )


def test_pictures_and_labels(tmp_path):
    dataset = build(folder(tmp_path, box=['b.png', 'a{1}.png'], ball=['x.png']))
    assert [
        (row['filename_tmpl'].format(1), row['label'])
        for row in (dataset.get_data_info(i) for i in range(3))
    ] == [('x.png', 0), ('a{1}.png', 1), ('b.png', 1)]
    item = dataset[0]
    assert item['inputs'].shape == (1, 3, 1, 6, 8) and (item['inputs'] == 10).all()
    assert item['data_samples'].gt_label.tolist() == [0]


def test_mistakes(tmp_path):
    with pytest.raises(
        ValueError, match='nowhere: expected a folder with one folder of pictures a class'
    ):
        build(tmp_path / 'nowhere')
    with pytest.raises(ValueError, match='empty: holds no picture'):
        build(folder(tmp_path, box=['a.png'], empty=[]))
