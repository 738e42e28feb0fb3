"""MMEngine's ``ClassBalancedDataset`` over each of our data sets.

A class in a share ``f`` of the samples asks for ``max(1, sqrt(t / f))`` repeats of them, rounded
up, and a sample is repeated as often as its rarest class asks for. With t = 0.75 a class in 3 of 4
samples asks for 1, and one in 1 of 4 for sqrt(3) = 1.7, so 2.
"""

import pytest
from mmengine.dataset import ClassBalancedDataset

import egoexo_mm  # noqa: F401
from egoexo_mm.datasets import VideoTargetDataset
from tests.datasets import (
    test_charades_ego,
    test_charades_ego_view,
    test_ego4d_fho,
    test_egoexo4d_keystep,
    test_epic_kitchens,
)


def repeated(data):
    """Number of each sample in an epoch."""
    found = ClassBalancedDataset(data, oversample_thr=0.75)
    assert len(found) == len(found.repeat_indices)
    # the wrapper gives the samples themselves
    assert found.get_data_info(0) == data.get_data_info(0)
    return found.repeat_indices


def video_list(root, lines, **options):
    (root / 'list.txt').write_text(''.join(f'{i}.mp4 {line}\n' for i, line in enumerate(lines)))
    return VideoTargetDataset(str(root / 'list.txt'), pipeline=[], **options)


def test_labels_of_a_list(tmp_path):
    data = video_list(tmp_path, ['0', '0', '0', '1'])
    assert [data.get_cat_ids(i) for i in range(4)] == [[0], [0], [0], [1]]
    assert repeated(data) == [0, 1, 2, 3, 3]


def test_several_labels(tmp_path):
    data = video_list(tmp_path, ['0 2', '0', '0', '1'], multi_class=True, num_classes=3)
    assert [data.get_cat_ids(i) for i in range(4)] == [[0, 2], [0], [0], [1]]
    found = ClassBalancedDataset(data, oversample_thr=0.75)
    assert found.repeat_indices == [0, 0, 1, 2, 3, 3]  # classes 1 and 2 are rare


def test_a_list_without_labels(tmp_path):
    data = video_list(tmp_path, ['', '', ''], test_mode=True)
    assert data.get_cat_ids(0) == [] and repeated(data) == [0, 1, 2]


def test_balance_of_epic_kitchens(tmp_path):
    """Verb 1 is rare although noun 1 is in every sample."""
    rows = [
        dict(narration_id=str(i), verb_class=str(verb), noun_class='1')
        for i, verb in enumerate([0, 0, 0, 1])
    ]
    data = test_epic_kitchens.build(test_epic_kitchens.write(tmp_path / 'a.csv', *rows))
    assert [data.get_cat_ids(i) for i in (0, 3)] == [[0, 98], [1, 98]]  # 97 verbs come first
    assert repeated(data) == [0, 1, 2, 3, 3]


def test_balance_of_ego4d(tmp_path):
    """Noun 1 is rare although verb 1 is in every sample."""
    rows = [dict(action_idx=i, verb_label=1, noun_label=n) for i, n in enumerate([0, 0, 0, 1])]
    path = test_ego4d_fho.write(tmp_path / 'a.json', *rows)
    data = test_ego4d_fho.build(path)
    assert [data.get_cat_ids(i) for i in (0, 3)] == [[1, 117], [1, 118]]  # 117 verbs come first
    assert repeated(data) == [0, 1, 2, 3, 3]
    path = test_ego4d_fho.write(tmp_path / 'a.json', *rows, drop=['verb_label', 'noun_label'])
    data = test_ego4d_fho.build(path, test_mode=True)
    assert data.get_cat_ids(0) == [] and repeated(data) == [0, 1, 2, 3]


def test_balance_of_keysteps(tmp_path):
    rows = [dict(ego_segment_name=f'a/{i}.mp4', label_id=label) for i, label in enumerate([5] * 3)]
    rows.append(dict(ego_segment_name='a/3.mp4', label_id=7))
    data = test_egoexo4d_keystep.build(test_egoexo4d_keystep.write(tmp_path / 'a.json', *rows))
    assert [data.get_cat_ids(i) for i in (0, 3)] == [[5], [7]]
    assert repeated(data) == [0, 1, 2, 3, 3]


def test_balance_of_charades_ego(tmp_path):
    """Classes of a video are those of all its frames; B has none."""
    labels = {'AEGO': ['"1"', '"2,1"'], 'BEGO': ['""'], 'CEGO': ['"1"'], 'DEGO': ['"1"']}
    data = test_charades_ego.build(test_charades_ego.write_list(tmp_path / 'a.csv', labels))
    assert [data.get_cat_ids(i) for i in range(4)] == [[1, 2], [], [1], [1]]
    assert repeated(data) == [0, 0, 1, 2, 3]


def test_balance_of_charades_ego_views(tmp_path):
    rows = ['A,S1,,1.00,No,', 'B,S1,,1.00,No,', 'C,S1,,1.00,No,', 'AEGO,S1,,1.00,Yes,A']
    path = test_charades_ego_view.write_csv(tmp_path / 'a.csv', *rows)
    for kind in ('img', 'video'):
        data = test_charades_ego_view.build(
            path, data_prefix={kind: str(tmp_path)}, check_files=False
        )
        assert [data.get_cat_ids(i) for i in range(4)] == [[0], [0], [0], [1]]
        assert repeated(data) == [0, 1, 2, 3, 3]


def test_balance_of_hands_and_objects(tmp_path):
    """mmdet's own: the labels of the boxes, here 1 for hands and 0 for objects."""
    pytest.importorskip('mmdet.datasets')
    from tests.datasets import test_hand_object_dataset
    from tests.datasets.hand_object_files import CUP, HAND, write_folder, xml

    names = {f'boards_{i}': xml(HAND, *[CUP] * (i == 3)) for i in range(4)}
    data = test_hand_object_dataset.build(write_folder(tmp_path, **names))
    assert [data.get_cat_ids(i) for i in (0, 3)] == [[1], [1, 0]]
    assert ClassBalancedDataset(data, oversample_thr=0.75).repeat_indices == [0, 1, 2, 3, 3]
