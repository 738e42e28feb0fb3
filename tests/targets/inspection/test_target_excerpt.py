import numpy as np
import pytest

from egoexo_mm.targets import (
    Manifest,
    MissingVideoError,
    StoreWriter,
    TargetStore,
    TargetStoreError,
)
from egoexo_mm.targets.inspection.excerpt import excerpt
from tests.targets.stores import PROBS, box_store, ego_store, raw_store

OBJECTS = Manifest(
    signal='object_score', dataset='toy', teacher='t', score_kind='logits', num_scores=8
)


def lines(path, **options):
    return list(excerpt(TargetStore(path), **options))


def test_first_videos(tmp_path):
    ego_store(tmp_path, [0, 2, 4])
    # logits 2, -1: softmax 1 / (1 + exp(-3)) = 0.95257
    assert lines(tmp_path, count=2) == [
        'v0: 10 frames, 25 fps, 340x256',
        '  0: 0 (50.0 %), 1: 0 (50.0 %)',
        'v2: 12 frames, 25 fps, 340x256',
        '  0: 2 (95.3 %), 1: -1 (4.7 %)',
    ]
    assert len(lines(tmp_path, count=9)) == 6
    assert lines(tmp_path, video_id='v4')[0] == 'v4: 14 frames, 25 fps, 340x256'


def test_top_scores(tmp_path):
    """Logits log(16), log(8), log(4), ... have the softmax shares 16 / 34, 8 / 34, ..."""
    with StoreWriter(tmp_path, OBJECTS) as writer:
        writer.add_scores('v', np.log([1, 4, 1, 16, 2, 8, 1, 1]))
    assert lines(tmp_path) == [
        'v: unknown length, unknown fps, unknown size',
        '  3: 2.773 (47.1 %), 5: 2.08 (23.5 %), 1: 1.387 (11.8 %), 4: 0.6934 (5.9 %), 0: 0 (2.9 %)',
    ]
    assert lines(tmp_path, top=1)[1] == '  3: 2.773 (47.1 %)'


def test_probabilities_are_shares(tmp_path):
    raw_store(tmp_path, PROBS, [dict(video_id='v', score=np.float16([0.125, 0.5, 0.125, 0.25]))])
    assert (
        lines(tmp_path)[1]
        == '  1: 0.5 (50.0 %), 3: 0.25 (25.0 %), 0: 0.125 (12.5 %), 2: 0.125 (12.5 %)'
    )


FRAME_4 = [
    '    hand 0.250 at 0.000, 0.250, 0.500, 0.750; right, portable object, object at +0.500, '
    '-0.250 from it',
    '    object 1.000 at 0.125, 0.000, 0.250, 0.500',
]


def test_boxes(tmp_path):
    box_store(tmp_path)
    assert lines(tmp_path) == [
        'v: 11 frames, 30 fps, 340x256, frame stride 4',
        '  3 boxes on 2 frames',
        '  frame 4: 2 boxes',
        *FRAME_4,
        'none: 6 frames, unknown fps, unknown size',
        '  0 boxes on 0 frames',
        'open: unknown length, unknown fps, unknown size',
        '  1 boxes on 1 frames',
        '  frame 7: 1 boxes',
        '    hand 0.250 at 0.000, 0.000, 1.000, 1.000; unknown side, unknown contact',
    ]


def test_frame(tmp_path):
    box_store(tmp_path)
    assert lines(tmp_path, video_id='v', frame=5)[2:] == [
        '  frame 5 (the detector saw 4): 2 boxes',
        *FRAME_4,
    ]
    assert lines(tmp_path, video_id='v', frame=0)[2:] == ['  frame 0: 0 boxes']
    assert lines(tmp_path, video_id='open', frame=100)[2:] == ['  frame 100: 0 boxes']


@pytest.mark.parametrize(
    'video, frame, message',
    [
        ('v', 11, "video 'v' has no frame 11; give one from 0 to 10$"),
        ('v', -1, 'has no frame -1; give one from 0 to 10'),
        ('open', -1, "video 'open' has no frame -1; give one from 0$"),
    ],
)
def test_no_such_frame(tmp_path, video, frame, message):
    box_store(tmp_path)
    with pytest.raises(TargetStoreError, match=message):
        lines(tmp_path, video_id=video, frame=frame)


def test_other_errors(tmp_path):
    ego_store(tmp_path, [0])
    with pytest.raises(
        TargetStoreError, match='has scores of whole videos, not of frames; leave out the frame'
    ):
        lines(tmp_path, frame=0)
    with pytest.raises(MissingVideoError, match="no video 'x' among the 1 of this store"):
        lines(tmp_path, video_id='x')


def test_detection_frames(tmp_path):
    store = TargetStore(box_store(tmp_path))
    frames = store.detection_frames('v')
    assert frames.tolist() == [4, 4, 8] and frames.dtype == np.int32
    frames[:] = 7
    assert (
        store.detection_frames('v').tolist() == [4, 4, 8]
        and store.detection_frames('none').tolist() == []
    )
    with pytest.raises(TargetStoreError, match='asked for detections, but this store holds scores'):
        TargetStore(ego_store(tmp_path / 'ego', [0])).detection_frames('v0')
