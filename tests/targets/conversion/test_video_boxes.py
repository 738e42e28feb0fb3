"""Files of detections made elsewhere, written after the public description of each format."""

import json
import math

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch

from egoexo_mm.targets import HAND, OBJECT, TargetStore, TargetStoreError
from egoexo_mm.targets.conversion.coco_boxes import read_coco
from egoexo_mm.targets.conversion.ego4d_fho_boxes import read_ego4d_fho
from egoexo_mm.targets.conversion.frame_sizes import FrameSize
from egoexo_mm.targets.conversion.hands23_boxes import read_hands23
from egoexo_mm.targets.conversion.helping_hands_boxes import read_helping_hands
from egoexo_mm.targets.conversion.table_boxes import read_table
from egoexo_mm.targets.conversion.video_boxes import (
    FrameNames,
    VideoBoxes,
    convert_boxes_of_videos,
    held,
)
from egoexo_mm.targets.conversion.visor_boxes import convert_visor, read_visor


def save(path, content):
    path.write_text(json.dumps(content))
    return path


def changed(content, *path_and_value):
    """A deep copy with one value replaced, or removed where the value is ``...``."""
    content = json.loads(json.dumps(content))
    *path, last, value = path_and_value
    item = content
    for key in path:
        item = item[key]
    if value is ...:
        del item[last]
    else:
        item[last] = value
    return content


def stored(path, videos, **options):
    """The store of converted videos."""
    convert_boxes_of_videos(videos, path, path / 'out', dataset='toy', teacher='t', **options)
    return TargetStore(path / 'out')


# COCO results: 200 x 100 images; [20, 10, 60, 40] is x 20..80 of 200, y 10..50 of 100.
COCO = dict(
    images=[
        dict(id=7, file_name='v1/frame_0000000001.jpg', width=200, height=100),
        dict(id=8, file_name='v1/frame_0000000003.jpg', width=200, height=100),
        dict(id='b', file_name='v2_0001.png', width=40, height=20),
    ],
    categories=[
        dict(id=1, name='left_hand'),
        dict(id=2, name='targetobject'),
        dict(id=3, name='cup'),
    ],
)
RESULTS = [
    dict(image_id=7, category_id=1, bbox=[20, 10, 60, 40], score=0.75),
    dict(image_id=8, category_id=2, bbox=[0, 0, 100.5, 100.5], score=0.25),
    dict(image_id=8, category_id=3, bbox=[0, 0, 10, 10], score=0.5),
]


def coco(tmp_path, annotations=COCO, results=RESULTS, **options):
    return read_coco(
        save(tmp_path / 'r.json', results), save(tmp_path / 'a.json', annotations), **options
    )


def test_coco(tmp_path):
    store = stored(tmp_path, coco(tmp_path, fps=30))
    assert store.video_ids == ['v1', 'v2']
    assert store.info('v1') == (0, 30, 200, 100, 1)
    found = store.detections('v1', [0, 1, 2])
    assert found.slot.tolist() == [0, 2] and found.kind.tolist() == [HAND, OBJECT]
    np.testing.assert_allclose(found.box, [[0.1, 0.1, 0.4, 0.5], [0, 0, 0.5025, 1]])
    assert found.score.tolist() == [0.75, 0.25]
    assert found.side.tolist() == [0, -1] and found.contact.tolist() == [-1, -1]
    assert np.isnan(found.offset).all()
    assert len(store.detections('v2', [0])) == 0  # an image in which nothing was found


def test_coco_classes(tmp_path):
    videos = coco(tmp_path, hand_classes=['cup'], object_classes=['*'])
    store = stored(tmp_path, videos, threshold=0.5)
    found = store.detections('v1', [0, 2])
    assert found.kind.tolist() == [OBJECT, HAND] and found.score.tolist() == [0.75, 0.5]
    assert store.manifest.notes == 'score 0.5 and more'


def twice(kind, number, **changes):
    """COCO with the id of its first image or category at another one."""
    return changed(COCO, kind, number, dict(COCO[kind][number], id=COCO[kind][0]['id'], **changes))


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(results=changed(RESULTS, 1, 'bbox', [0, 0, 10])), r'r.json, \[1\]: bbox is'),
        (dict(results=changed(RESULTS, 1, 'bbox', [0, 0, -5, 9])), 'second corner before the'),
        (dict(results=changed(RESULTS, 1, 'bbox', [0, 0, 300, 9])), 'has 300, outside a frame of'),
        (dict(results=changed(RESULTS, 1, 'bbox', [0, 0, math.nan, 9])), 'expected a number'),
        (dict(results=changed(RESULTS, 1, 'score', 1.5)), r'\[1\]: score is 1.5, expected 0 to 1'),
        (dict(results=changed(RESULTS, 1, 'score', ...)), r'\[1\]: score is None, expected a num'),
        (dict(results=changed(RESULTS, 2, 'image_id', 9)), r'\[2\]: image_id 9 is not in .*a.json'),
        (dict(results=changed(RESULTS, 2, 'category_id', True)), 'category_id is True, expected'),
        (dict(results={}), 'expected a list of detections'),
        (dict(annotations=[]), 'a.json: expected an object'),
        (dict(annotations=changed(COCO, 'images', 0, 'width', 0)), r'images\[0\]: its size is'),
        (dict(annotations=changed(COCO, 'images', 0, 'file_name', 'x.jpg')), 'does not name a'),
        (dict(annotations=changed(COCO, 'categories', [dict(id=1, name='cat')])), 'no category'),
        (
            dict(annotations=twice('images', 1, file_name='v9/0002.jpg')),
            r'\[1\]: id 7 is that of another',
        ),
        (dict(annotations=twice('categories', 1, name='cat')), r'ies\[1\]: id .* another category'),
        (
            dict(annotations=changed(COCO, 'images', 1, 'file_name', 'b/v1/0002.jpg')),
            r"\[1\]: 'b/v1' has the video id 'v1', and so has 'v1' of .*images\[0\]; .*--names",
        ),
        (dict(object_classes=['dog']), 'has no category dog, expected some of cup'),
    ],
)
def test_malformed_coco(tmp_path, changes, message):
    with pytest.raises(TargetStoreError, match=message):
        coco(tmp_path, **changes)


# Hands23's result.json: texts for numbers, null or 'None' for what lacks; 1000 x 500 pixels.
HAND23 = dict(
    hand_id=0,
    hand_bbox=['100.0', '50.0', '300.0', '150.0'],
    contact_state='object_contact',
    hand_side='right_hand',
    obj_bbox=['400.0', '50.0', '600.0', '250.0'],
    obj_touch='tool_,_used',
    second_obj_bbox=['0', '0', '9', '9'],
    hand_pred_score='0.5',
    obj_pred_score='0.25',
    sec_obj_pred_score='0.9',
)
FREE23 = dict(
    HAND23,
    hand_bbox=['0', '0', '100', '100'],
    contact_state='no_contact',
    hand_side='left_hand',
    obj_bbox=None,
    obj_pred_score='None',
)
HANDS23 = dict(
    save_dir='x',
    images=[
        dict(file_name='EK_0028_P12_101_frame_0000086975.jpg', predictions=[HAND23, FREE23]),
        dict(file_name='EK_0028_P12_101_frame_0000086977.jpg', predictions=[]),
    ],
)


def test_hands23(tmp_path):
    path = save(tmp_path / 'result.json', HANDS23)
    store = stored(tmp_path, read_hands23(path, lambda name: FrameSize(1000, 500), fps=50))
    assert store.video_ids == ['EK_0028_P12_101']
    found = store.detections('EK_0028_P12_101', [86974])  # names count from 1
    assert found.kind.tolist() == [OBJECT, HAND, HAND]
    np.testing.assert_allclose(found.box[:2], [[0.4, 0.1, 0.6, 0.5], [0.1, 0.1, 0.3, 0.3]])
    assert found.score.tolist() == [0.25, 0.5, 0.5]
    assert found.side.tolist() == [-1, 1, 0]
    assert found.contact.tolist() == [-1, -1, 0]  # movable or not is not said
    np.testing.assert_allclose(
        found.offset[1], [0.3, 0.1], atol=1e-3
    )  # centres 0.5, 0.3 - 0.2, 0.2
    assert np.isnan(found.offset[[0, 2]]).all()
    assert store.info('EK_0028_P12_101') == (0, 50, 1000, 500, 1)


@pytest.mark.parametrize(
    'path, message',
    [
        (('images', ...), 'result.json: images lacks, expected a list'),
        (('images', 0, 'predictions', 1, 'hand_bbox', ['a', '0', '1', '1']), 'expected a number'),
        (
            ('images', 0, 'predictions', 1, 'contact_state', 'held'),
            r'predictions\[1\]: contact_sta',
        ),
        (('images', 0, 'predictions', 0, 'hand_pred_score', '2'), 'hand_pred_score is 2, expected'),
        (('images', 0, 'predictions', 0, 'obj_bbox', '1,2,3,4'), 'obj_bbox is .* four numbers'),
    ],
)
def test_malformed_hands23(tmp_path, path, message):
    file = save(tmp_path / 'result.json', changed(HANDS23, *path))
    with pytest.raises(TargetStoreError, match=message):
        read_hands23(file, lambda name: FrameSize(1000, 500))


# Ego4D: pixels of the video, x, y, width, height.
def fho(*types_and_boxes, number=90, **action):
    boxes = [
        dict(object_type=kind, bbox=dict(zip(('x', 'y', 'width', 'height'), box)))
        for kind, box in types_and_boxes
    ]
    frames = [dict(frame_number=number, frame_type='pnr_frame', boxes=boxes)]
    action = dict(dict(frames=frames, is_rejected=False, is_invalid_annotation=False), **action)
    return dict(
        videos=[
            dict(
                video_uid='uid',
                video_metadata=dict(fps=30.0, num_frames=900, width=400, height=200),
                annotated_intervals=[
                    dict(narrated_actions=[action, dict(frames=None)]),
                    dict(narrated_actions=[action]),  # the same frame in another interval
                ],
            )
        ]
    )


FHO = fho(
    ('left_hand', (40, 20, 80, 40)),
    ('object_of_change', (0, 0, 200, 200)),
    ('head', (0, 0, 1, 1)),
)


def test_ego4d_fho(tmp_path):
    store = stored(tmp_path, read_ego4d_fho(save(tmp_path / 'fho_main.json', FHO)), hold=2)
    assert store.info('uid') == (900, 30, 400, 200, 1)
    assert sorted(set(store.detection_frames('uid'))) == [88, 89, 90, 91, 92]
    found = store.detections('uid', [90])
    assert found.kind.tolist() == [HAND, OBJECT] and found.side.tolist() == [0, -1]
    np.testing.assert_allclose(found.box, [[0.1, 0.1, 0.3, 0.3], [0, 0, 0.5, 1]])
    assert found.score.tolist() == [1, 1] and found.contact.tolist() == [-1, -1]
    assert store.manifest.notes == 'boxes repeated on up to 2 frames on either side'


def fho_clips(*spans, number=90):
    """Intervals with ``(clip_uid, first frame, frame behind the last)``."""
    found = fho(('left_hand', (40, 20, 80, 40)), number=number)
    names = ('clip_uid', 'clip_parent_start_frame', 'clip_parent_end_frame')
    action = found['videos'][0]['annotated_intervals'][1]['narrated_actions']
    found['videos'][0]['annotated_intervals'] = [
        dict(zip(names, span), narrated_actions=action) for span in spans
    ]
    return found


def test_ego4d_clips(tmp_path):
    """Ids and frames are those of the clips that ``Ego4DFHODataset`` reads."""
    spans = ('a', 60, 360), ('a', 60, 360), ('b', 91, 300), (None, 0, 900), ('c', 0, 90)
    path = save(tmp_path / 'fho_main.json', fho_clips(*spans))
    store = stored(tmp_path, read_ego4d_fho(path, clips=True))
    assert sorted(store.video_ids) == ['a', 'b', 'c']
    assert store.info('a') == (300, 30, 400, 200, 1)
    assert store.detection_frames('a').tolist() == [30]
    np.testing.assert_allclose(store.detections('a', [30]).box, [[0.1, 0.1, 0.3, 0.3]])
    assert not len(store.detection_frames('b')) and not len(store.detection_frames('c'))


@pytest.mark.parametrize(
    'spans, message',
    [
        ([('a', 5, 5)], r'intervals\[0\]: clip_parent_end_frame 5 is not behind'),
        ([('a', None, 5)], r'intervals\[0\]: clip_parent_start_frame is None, expected a number'),
        ([('a', 0, 9), ('a', 5, 9)], r"intervals\[1\]: clip 'a' begins at frame 5 of uid, an"),
        ([(7, 0, 9)], r'intervals\[0\]: clip_uid is 7, expected a text'),
    ],
)
def test_malformed_ego4d_clips(tmp_path, spans, message):
    with pytest.raises(TargetStoreError, match=message):
        read_ego4d_fho(save(tmp_path / 'f.json', fho_clips(*spans)), clips=True)


def test_rejected_actions_are_left_out(tmp_path):
    path = save(tmp_path / 'f.json', fho(('left_hand', (0, 0, 1, 1)), is_rejected=True))
    assert len(read_ego4d_fho(path)['uid'].columns('f')['frame']) == 0


ACTION = ('videos', 0, 'annotated_intervals', 0, 'narrated_actions', 0)


@pytest.mark.parametrize(
    'path, message',
    [
        (('videos', 0, 'video_uid', 5), r'f.json, videos\[0\]: video_uid is 5, expected a text'),
        (('videos', 0, 'video_metadata', 'width', 100), 'outside a frame of 100x200'),
        ((*ACTION, 'frames', 0, 'frame_number', -1), r'frames\[0\]: frame_number is -1'),
        ((*ACTION, 'frames', 0, 'boxes', 0, 'bbox', 'x', ...), r'boxes\[0\] bbox: x is None'),
        ((*ACTION, 'frames', 0, 3), r'frames\[0\]: expected an object, found 3'),
        ((*ACTION, []), r'narrated_actions\[0\]: expected an object'),
    ],
)
def test_malformed_ego4d_fho(tmp_path, path, message):
    with pytest.raises(TargetStoreError, match=message):
        read_ego4d_fho(save(tmp_path / 'f.json', changed(FHO, *path)))


# Helping Hands: clips with four samples; cx, cy, width, height as fractions of the frame.
def clip(**changes):
    track = torch.tensor([[0.5, 0.5, 0.2, 0.4], [0.0, 0.5, 0.2, 0.4], [0.0] * 4, [0.5] * 4])
    return dict(
        dict(
            video_uid='uid',
            start_sec=601.0,
            end_sec=602.0,
            samples_sec=[1.0, 1.25, 1.5, 1.75],
            hand_boxes=dict(hand1=track),
            object_boxes=dict(cup=track[[3, 2, 2, 2]]),
            caption='#C C lifts a cup',
        ),
        **changes,
    )


def helping(tmp_path, *clips, **options):
    torch.save(list(clips), tmp_path / 'boxes.pth')
    return read_helping_hands(tmp_path / 'boxes.pth', **options)


def test_helping_hands(tmp_path):
    store = stored(tmp_path, helping(tmp_path, clip()))
    frames = 18000 + np.array([30, 37, 45, 52])  # 600 s at 30 frames/s, then int(sample * 30)
    found = store.detections('uid', frames)
    assert found.slot.tolist() == [0, 0, 1, 3]
    assert found.kind.tolist() == [HAND, OBJECT, HAND, HAND]
    np.testing.assert_allclose(
        found.box,
        [
            [0.4, 0.3, 0.6, 0.7],
            [0.25, 0.25, 0.75, 0.75],
            [0, 0.3, 0.1, 0.7],
            [0.25, 0.25, 0.75, 0.75],
        ],
        atol=1e-6,
    )
    assert set(found.score) == {1} and set(found.side) == set(found.contact) == {-1}
    assert store.info('uid').fps == 30


def test_helping_hands_of_chunks_and_the_other_spelling(tmp_path):
    other = clip()
    other['sample_sec'], other['obj_boxes'] = other.pop('samples_sec'), other.pop('object_boxes')
    store = stored(tmp_path, helping(tmp_path, other, chunks=True), video_id='path')
    assert store.video_ids == ['uid/1']
    assert sorted(set(store.detection_frames('uid/1'))) == [30, 37, 52]


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(video_uid=None), r'boxes.pth, \[0\]: video_uid is None'),
        (dict(hand_boxes=dict(hand1=torch.ones(3, 4))), 'expected one box for each of 4 samples'),
        (
            dict(hand_boxes=dict(hand1=torch.full((4, 4), 50.0))),
            'expected cx, cy, width, height as',
        ),
        (dict(hand_boxes=[]), 'hand_boxes is .* expected an object of tracks'),
        (dict(samples_sec=3), 'samples_sec 3, expected'),
    ],
)
def test_malformed_helping_hands(tmp_path, changes, message):
    with pytest.raises(TargetStoreError, match=message):
        helping(tmp_path, clip(**changes))


def test_helping_hands_runs_no_code(tmp_path):
    class Evil:
        def __reduce__(self):
            return (print, ('run',))

    torch.save([Evil()], tmp_path / 'evil.pth')
    with pytest.raises(TargetStoreError, match='evil.pth: cannot be read as a file of torch.save'):
        read_helping_hands(tmp_path / 'evil.pth')


# VISOR: polygons in pixels of 1920 x 1080; a tenth is 192 and 108.
def square(x, y, size=1):
    left, top, right, bottom = 192 * x, 108 * y, 192 * (x + size), 108 * (y + size)
    return [[left, top], [right, top], [right, bottom], [left, bottom]]


def mask(identity, name, *polygons, **fields):
    return dict(id=identity, name=name, segments=list(polygons), **fields)


VISOR = dict(
    video_annotations=[
        dict(
            image=dict(name='P01_01_frame_0000000011.jpg', video='P01_01'),
            annotations=[
                mask('l', 'left hand', square(1, 1), square(2, 2), [], in_contact_object='c'),
                mask('r', 'right hand', square(8, 8), in_contact_object='hand-not-in-contact'),
                mask('c', 'cup', square(4, 4, 2)),
                mask('t', 'table', square(0, 0, 9)),
            ],
        ),
        dict(
            image=dict(name='P01_01_frame_0000000021.jpg', video='P01_01'),
            annotations=[
                mask('r', 'right hand', square(1, 1), in_contact_object='g'),
                mask(
                    'g',
                    'rubber glove',
                    square(2, 1),
                    in_contact_object='none-of-the-above',
                    on_which_hand=['right hand'],
                ),
                mask(
                    'h',
                    'glove',
                    square(6, 6),
                    in_contact_object='glove-not-in-contact',
                    on_which_hand=['left hand'],
                ),
            ],
        ),
    ]
)
MAPPING = dict(
    P01_01={
        'P01_01_frame_0000000011.jpg': 'frame_0000000013.jpg',
        'P01_01_frame_0000000021.jpg': 'frame_0000000024.jpg',
    }
)


def test_visor(tmp_path):
    (tmp_path / 'ann').mkdir()
    save(tmp_path / 'ann/P01_01.json', VISOR)
    mapping = save(tmp_path / 'frame_mapping.json', MAPPING)
    assert convert_visor(tmp_path / 'ann', tmp_path / 'out', mapping=mapping) == (1, 0, 0)
    store = TargetStore(tmp_path / 'out')
    assert store.info('P01_01') == (0, 60, 1920, 1080, 1)
    found = store.detections('P01_01', [12, 23])
    assert found.slot.tolist() == [0, 0, 0, 1, 1]
    assert found.kind.tolist() == [OBJECT, HAND, HAND, HAND, HAND]
    np.testing.assert_allclose(
        found.box,
        [
            [0.4, 0.4, 0.6, 0.6],
            [0.1, 0.1, 0.3, 0.3],
            [0.8, 0.8, 0.9, 0.9],
            [0.1, 0.1, 0.3, 0.2],  # a hand and its glove
            [0.6, 0.6, 0.7, 0.7],
        ],
        atol=1e-6,
    )
    assert found.side.tolist() == [-1, 0, 1, 1, 0]
    assert found.contact.tolist() == [-1, -1, 0, -1, 0]
    np.testing.assert_allclose(found.offset[1], [0.3, 0.3], atol=1e-3)
    assert set(found.score) == {1}


def test_visor_interpolations(tmp_path):
    content = changed(VISOR, 'video_annotations', VISOR['video_annotations'][:1])
    content['video_annotations'][0]['annotations'] = [
        mask('l', 'left hand', [[0, 0], [427, 240]], in_contact_object='inconclusive')
    ]
    boxes = read_visor(save(tmp_path / 'P01_01_interpolations.json', content)).columns('x')
    np.testing.assert_allclose(boxes['box'], [[0, 0, 0.5, 0.5]])  # of 854 x 480
    assert boxes['frame'].tolist() == [10] and boxes['contact'].tolist() == [-1]


@pytest.mark.parametrize(
    'path, message',
    [
        (('image', 'name', 'P02_01_frame_0000000011.jpg'), "is of video 'P02_01'"),
        (('image', 'name', 'x.jpg'), 'does not name a video and a frame'),
        (('annotations', 0, 'segments', 0, 0, [5]), r'annotations\[0\]: segments have the point'),
        (('annotations', 0, 'segments', 0, 0, [5, 5000]), 'segments has 5000, outside a frame of'),
        (('annotations', 0, 'in_contact_object', 'z'), "in_contact_object is 'z', expected the id"),
        (('annotations', 0, 'id', ...), r'annotations\[0\]: id lacks, expected a text'),
    ],
)
def test_malformed_visor(tmp_path, path, message):
    content = changed(VISOR, 'video_annotations', 0, *path)
    with pytest.raises(TargetStoreError, match=message):
        read_visor(save(tmp_path / 'P01_01.json', content))


def test_visor_frame_that_the_mapping_lacks(tmp_path):
    with pytest.raises(TargetStoreError, match="'P01_01_frame_0000000011.jpg' is not in the frame"):
        read_visor(save(tmp_path / 'P01_01.json', VISOR), {})


# The table.
HEADER = 'video,frame,x1,y1,x2,y2,kind,side,score,contact'
ROWS = ['v,4,0.1,0.2,0.3,0.4,hand,left,0.75,portable object', 'v,6,0,0,1,1,object,,,', 'w,,,,,,,,,']


def check_table(store):
    assert store.video_ids == ['v', 'w'] and len(store.detections('w', [0])) == 0
    found = store.detections('v', [4, 6])
    np.testing.assert_allclose(found.box, [[0.1, 0.2, 0.3, 0.4], [0, 0, 1, 1]])
    assert found.kind.tolist() == [HAND, OBJECT] and found.score.tolist() == [0.75, 1]
    assert found.side.tolist() == [0, -1] and found.contact.tolist() == [3, -1]


def test_csv(tmp_path):
    path = tmp_path / 't.csv'
    path.write_text('\n'.join([HEADER, *ROWS]))
    check_table(stored(tmp_path, read_table(path)))


def test_csv_in_pixels(tmp_path):
    path = tmp_path / 't.csv'
    path.write_text('video,frame,x1,y1,x2,y2,kind,width,height\nv,0,20,10,40,50,hand,200,100\n')
    store = stored(tmp_path, read_table(path, fps=25))
    np.testing.assert_allclose(store.detections('v', [0]).box, [[0.1, 0.1, 0.2, 0.5]])
    assert store.info('v') == (0, 25, 200, 100, 1)


def parquet(path, compression='snappy', **changes):
    columns = dict(
        video=['v', 'v', 'w'],
        frame=[4, 6, None],
        x1=[0.1, 0.0, None],
        y1=[0.2, 0.0, None],
        x2=[0.3, 1.0, None],
        y2=[0.4, 1.0, None],
        kind=['hand', 'object', None],
        side=['left', None, None],
        score=[0.75, None, None],
        contact=[3, None, None],
    )
    columns.update(changes)
    pq.write_table(pa.table(columns), path, compression=compression)
    return path


def test_parquet(tmp_path):
    check_table(stored(tmp_path, read_table(parquet(tmp_path / 't.parquet'))))


@pytest.mark.parametrize(
    'row, message',
    [
        ('v,4.5,0,0,1,1,hand,,,', r"t.csv, line 2: frame is '4.5', expected a whole number"),
        ('v,4,0,0,1,1,foot,,,', "line 2: kind is 'foot', expected one of hand, object"),
        ('v,4,0,0,1,1,hand,up,,', "side is 'up', expected one of left, right"),
        ('v,4,0,0,1,1,hand,,,5', "contact is '5', expected one of no contact"),
        ('v,4,0,0,20,1,hand,,,', 'the box has 20, outside a frame of 1x1'),
        ('v,4,0,0,,1,hand,,,', "the box is '', expected a number"),
        (',4,0,0,1,1,hand,,,', "video is '', expected its id"),
        ('v,4,0,0,1,1,hand,,inf,', 'score is .*inf.*, expected a number'),
    ],
)
def test_malformed_csv(tmp_path, row, message):
    path = tmp_path / 't.csv'
    path.write_text(f'{HEADER}\n{row}\n')
    with pytest.raises(TargetStoreError, match=message):
        read_table(path)


def test_malformed_parquet(tmp_path):
    path = tmp_path / 't.parquet'
    with pytest.raises(TargetStoreError, match='t.parquet, row 1: kind is'):
        read_table(parquet(path, kind=['hand', 'foot', None]))
    with pytest.raises(TargetStoreError, match='compression is GZIP, expected UNCOMPRESSED or SNA'):
        read_table(parquet(path, compression='gzip'))
    whole = parquet(path).read_bytes()
    path.write_bytes(whole[:200] + whole[-200:])
    with pytest.raises(TargetStoreError, match='t.parquet: cannot be read as Parquet'):
        list(read_table(path))
    pq.write_table(pa.table(dict(video=['v'])), path)
    with pytest.raises(TargetStoreError, match='has the columns video, expected video, frame'):
        read_table(path)


# What they share.
@pytest.mark.parametrize('content', [b'{', b'\xff', b'{"images": 1, "images": 2}', b'[' * 200])
def test_broken_json(tmp_path, content):
    path = tmp_path / 'x.json'
    path.write_bytes(content)
    for read in (read_ego4d_fho, lambda path: read_hands23(path, None), lambda p: read_coco(p, p)):
        with pytest.raises(TargetStoreError, match='x.json: is not JSON .*; get or make the file'):
            read(path)
    with pytest.raises(TargetStoreError, match='cannot be read .*; give an existing file'):
        read_ego4d_fho(tmp_path / 'none.json')


@pytest.mark.parametrize(
    'name, expected',
    [
        ('root/P01_01/frame_0000000012.jpg', ('P01_01', 11)),
        ('a\\b_frame0012.PNG', ('b', 11)),
        ('v_7_000012.jpg', ('v_7', 11)),
        ('v/1.jpg', ('v', 0)),
        ('v/0.jpg', None),
        ('12.jpg', None),
        ('v/frame_x.jpg', None),
    ],
)
def test_frame_names(name, expected):
    if expected:
        assert FrameNames().split(name, 'w') == expected
    else:
        with pytest.raises(TargetStoreError, match='^w: .* does not name a video and a frame'):
            FrameNames().split(name, 'w')


def test_frame_names_of_other_patterns():
    assert FrameNames(r'(?P<frame>\d+)-(?P<video>\w+)', first=0).split('5-v', 'w') == ('v', 5)
    for pattern in ('(', r'(?P<video>x)'):
        with pytest.raises(ValueError, match='is no regular expression|lacks the groups'):
            FrameNames(pattern)


def test_held():
    table = np.array([[3, 0.5], [10, 1], [10, 2], [14, 3.0]])
    out = held(table, 3, num_frames=16)
    # 3 holds 0-6, 10 holds 7-12 (12 is as near to 14, the earlier one counts), 14 holds 13-15
    frames = {value: sorted(out[out[:, 1] == value, 0]) for value in (0.5, 1, 2, 3)}
    assert frames == {
        0.5: [0, 1, 2, 3, 4, 5, 6],
        1: [7, 8, 9, 10, 11, 12],
        2: [7, 8, 9, 10, 11, 12],
        3: [13, 14, 15],
    }
    np.testing.assert_array_equal(held(table[::-1], 0)[:, 0], [3, 10, 10, 14])
    assert held(np.zeros((0, 2)), 5).shape == (0, 2)


def test_no_videos_and_a_second_run(tmp_path):
    with pytest.raises(TargetStoreError, match='names no video'):
        stored(tmp_path, {})
    videos = dict(v=VideoBoxes(FrameSize(0, 0)))
    stored(tmp_path, videos)
    report = convert_boxes_of_videos(videos, tmp_path, tmp_path / 'out', dataset='toy', teacher='t')
    assert report == (0, 1, 0)
