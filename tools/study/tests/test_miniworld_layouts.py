"""The package's data sets read the small world."""

import cv2
import numpy as np
import pytest
from mmaction.registry import DATASETS

import egoexo_mm  # noqa: F401
from egoexo_mm.datasets.annotations.hand_object_xml import read_hand_object_xml, read_stems
from egoexo_mm.targets import TargetStore
from egoexo_mm.targets.inspection.verification import verify_store
from study.tests.miniworld_files import tiny_world
from study.world import NOUNS
from study.world.plan import plan

FRAMES, SIZE, SEED = 32, (96, 72), 3


@pytest.fixture(scope='module')
def world(tmp_path_factory):
    root = tmp_path_factory.mktemp('miniworld') / 'world'
    with pytest.MonkeyPatch.context() as patch:
        tiny_world(root, patch, seed=SEED)
        items = {
            part: plan(part, 'tiny', SEED)
            for part in ('kinetics', 'charades_ego', 'epic100', 'hand_object')
        }
    return root, items


def decode(kind, clip):
    if kind == 'video':
        return [dict(type='DecordInit'), clip, dict(type='DecordDecode')]
    return [clip, dict(type='RawFrameDecode')]


ALL = dict(type='SampleFrames', clip_len=FRAMES, frame_interval=1, num_clips=1, test_mode=True)


@pytest.mark.parametrize(
    'suffix, label',
    [
        ('', lambda item: 8 * item.verb + item.noun),
        ('_verb', lambda item: item.verb),
        ('_noun', lambda item: item.noun),
    ],
)
def test_kinetics(world, suffix, label):
    root, items = world
    store = str(root / 'truth/kinetics')
    data = DATASETS.build(
        dict(
            type='VideoTargetDataset',
            ann_file=str(root / f'kinetics/train{suffix}.txt'),
            pipeline=decode('video', ALL),
            data_prefix=dict(video=str(root / 'kinetics/videos')),
            targets=dict(interaction_map=store),
            num_classes=48,
        )
    )
    train = [item for item in items['kinetics'] if item.split == 'train']
    assert [data.get_data_info(i)['label'] for i in range(len(data))] == [
        label(item) for item in train
    ]
    sample = data[0]
    assert (
        np.shape(sample['imgs']) == (FRAMES, SIZE[1], SIZE[0], 3)
        and sample['total_frames'] == FRAMES
    )


@pytest.mark.parametrize(
    'view, names', [('first', ['TR000EGO']), ('third', ['TR000']), ('both', ['TR000', 'TR000EGO'])]
)
def test_charades_ego(world, view, names):
    root, items = world
    data = DATASETS.build(
        dict(
            type='CharadesEgoDataset',
            ann_file=str(root / 'charades_ego/CharadesEgo_v1_train.csv'),
            view=view,
            pipeline=decode('frames', ALL),
            data_prefix=dict(img=str(root / 'charades_ego/frames')),
            targets=dict(interaction_map=str(root / 'truth/charades_ego')),
        )
    )
    item = items['charades_ego'][0]
    infos = [data.get_data_info(i) for i in range(len(data))]
    assert [info['video_id'] for info in infos] == names
    assert all(info['frame_labels'] == [[8 * item.verb + item.noun]] * FRAMES for info in infos)
    assert np.shape(data[0]['imgs']) == (FRAMES, SIZE[1], SIZE[0], 3)
    table = (root / 'charades_ego/CharadesEgo_v1_train.csv').read_text().splitlines()
    assert [line.rsplit(',', 2)[1:] for line in table[1:]] == [['No', 'TR000'], ['Yes', 'TR000']]
    classes = (root / 'charades_ego/Charades_v1_classes.txt').read_text().splitlines()
    assert len(classes) == 48 and classes[8 * 3 + 2] == 'c026 put box'


@pytest.mark.parametrize(
    'name, split, count', [('train', 'train', 5), ('validation', 'val', 1), ('test', 'test', 1)]
)
def test_epic(world, name, split, count):
    root, items = world
    data = DATASETS.build(
        dict(
            type='EpicKitchensDataset',
            ann_file=str(root / f'epic100/EPIC_100_{name}.csv'),
            pipeline=decode('frames', ALL),
            data_prefix=dict(img=str(root / 'epic100')),
            targets=dict(interaction_map=str(root / 'truth/epic100')),
        )
    )
    infos = [data.get_data_info(i) for i in range(len(data))]
    members = [item for item in items['epic100'] if item.split == split]
    assert [info['label'] for info in infos] == [
        [item.verb, item.noun] for item in members
    ] and len(infos) == count
    assert [info['segment_start'] for info in infos] == [0, 32, 64, 96, 0][:count]
    assert len({info['video_id'] for info in infos}) == (2 if count == 5 else 1)


def test_epic_segments_share_a_kitchen(world):
    root, _ = world
    folder = next((root / 'epic100').glob('P1*/rgb_frames/*_101'))
    means = [cv2.imread(str(folder / f'frame_{1 + 32 * k:010}.jpg')).mean((0, 1)) for k in range(4)]
    assert np.std(means, 0).mean() < 25 and len(list(folder.iterdir())) == 4 * FRAMES


def test_hand_object(world):
    root, items = world
    folder, hands, held = root / 'hand_object', 0, 0
    for split in ('train', 'val', 'test'):
        stems = read_stems(folder / f'ImageSets/Main/{split}.txt')
        assert stems == [item.name for item in items['hand_object'] if item.split == split]
        for stem in stems:
            record = read_hand_object_xml(folder / f'Annotations/{stem}.xml')
            assert (
                record.size
                == SIZE
                == cv2.imread(str(folder / f'JPEGImages/{stem}.jpg')).shape[1::-1]
            )
            assert (record.boxes >= 0).all() and (record.boxes <= (95, 71, 95, 71)).all()
            objects = record.boxes[record.labels == 0]
            linked = ~np.isnan(record.object_boxes).any(1)
            for i in np.flatnonzero(linked):
                middle = (record.boxes[i, :2] + record.boxes[i, 2:]) / 2
                end = (
                    middle + record.magnitudes[i] * 10 * record.directions[i]
                )  # written at length 0.1
                box = record.object_boxes[i]
                assert end == pytest.approx((box[:2] + box[2:]) / 2, abs=0.01)
                assert (objects == box).all(1).any() and record.states[i] in (3, 4)
            hands += (record.labels == 1).sum()
            held += linked.sum()
    assert hands >= 12 and held >= 4


def test_hand_object_dataset(world):
    pytest.importorskip('mmdet.datasets')
    from egoexo_mm.datasets.hand_object_dataset import HandObjectDataset

    root = world[0] / 'hand_object'
    data = HandObjectDataset('ImageSets/Main/train.txt', data_root=str(root), pipeline=[])
    assert len(data) >= 6 and {
        item['side']
        for i in range(len(data))
        for item in data.get_data_info(i)['instances']
        if item['bbox_label'] == 1
    } == {0, 1}


@pytest.mark.parametrize(
    'part, videos',
    [
        ('kinetics', ['train_00000', 'train_00001', 'val_00000']),
        ('charades_ego', ['TE000', 'TE000EGO', 'TR000', 'TR000EGO']),
        ('epic100', ['P100_101', 'P100_102', 'P200_101', 'P300_101']),
    ],
)
def test_ground_truth(world, part, videos):
    store = TargetStore(world[0] / 'truth' / part)
    assert sorted(store.video_ids) == videos and not verify_store(world[0] / 'truth' / part).faults
    info = store.info(videos[0])
    assert (info.width, info.height, info.fps) == (*SIZE, 24) and info.num_frames == (
        128 if part == 'epic100' else 32
    )
    last = store.detections(
        videos[0], [info.num_frames - 1], total_frames=info.num_frames, fps=24.0
    )
    assert len(last) and (last.score == 1).all()


def test_objects(world):
    for split, count in (('train', 2), ('val', 1)):
        folders = sorted((world[0] / 'objects' / split).iterdir())
        assert [folder.name for folder in folders] == list(
            NOUNS
        )  # so that a folder's number is the noun's
        for folder in folders:
            pictures = [cv2.imread(str(path)) for path in folder.iterdir()]
            assert [picture.shape for picture in pictures] == [(72, 96, 3)] * count
