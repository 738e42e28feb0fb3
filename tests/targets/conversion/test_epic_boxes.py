"""The released EPIC-KITCHENS-100 boxes.

Messages are written by an encoder of our own, and one by Google's protobuf.
"""

import os
import pickle
import struct

import numpy as np
import pytest

from egoexo_mm.failed_jsonl import read_failures
from egoexo_mm.targets import HAND, OBJECT, TargetStore, TargetStoreError
from egoexo_mm.targets.conversion.epic_boxes import convert_epic_boxes, epic_fps, read_epic_boxes
from egoexo_mm.targets.conversion.protobuf import fields

# protobuf 7.36.2: video P01_01, frame 300, a right hand (portable object), a left one (no contact,
# a box that starts at
# 0, 0, an offset of 0, 0) and an object.
GOOGLE = bytes.fromhex(
    '0a065030315f303110ac021a2b0a140d0000803e150000003f1d0000003f250000803f150000403f1803220a0d'
    '0000003e15000080be2801'
    '1a130a0a1d0000003f250000403f150000003f2200221b0a140d0000003e150000803e1d0000403f250000603f'
    '150000803e'
)


def varint(value):
    out = []
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes([*out, value])


def message(**by_number):
    """``f1=..., f2=...``: float, int, bytes, or a list of bytes; zeros are left out (proto3)."""
    out = b''
    for name, values in by_number.items():
        for value in values if isinstance(values, list) else [values]:
            wire = {float: 5, int: 0, bytes: 2}[type(value)]
            body = (
                struct.pack('<f', value)
                if wire == 5
                else varint(value)
                if wire == 0
                else varint(len(value)) + value
            )
            out += (varint(int(name[1:]) << 3 | wire) + body) if value or wire == 2 else b''
    return out


def box(*corners):
    return message(f1=corners[0], f2=corners[1], f3=corners[2], f4=corners[3])


HAND_BOX, OBJECT_BOX = (0.25, 0.5, 0.5, 1.0), (0.125, 0.25, 0.75, 0.875)


def hand(score=0.75, corners=HAND_BOX, state=3, offset=(0.125, -0.25), side=1):
    return message(
        f1=box(*corners), f2=score, f3=state, f4=message(f1=offset[0], f2=offset[1]), f5=side
    )


def thing(score=0.25, corners=OBJECT_BOX):
    return message(f1=box(*corners), f2=score)


def frame(number, hands=(), objects=(), video='P01_01'):
    return message(f1=video.encode(), f2=number, f3=list(hands), f4=list(objects))


def save(path, messages):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(pickle.dumps(messages))
    return path


def test_google_writes_what_our_encoder_writes():
    second = message(f1=message(f3=0.5, f4=0.75), f2=0.5, f4=b'')
    assert frame(300, [hand(), second], [thing()]) == GOOGLE


def test_google_message(tmp_path):
    messages = [frame(n) for n in range(1, 300)] + [GOOGLE]
    columns = read_epic_boxes(save(tmp_path / 'P01_01.pkl', messages), 0.1, 0.01)
    assert columns['num_frames'] == 300 and columns['frame'].tolist() == [299, 299, 299]
    assert columns['kind'].tolist() == [HAND, HAND, OBJECT]
    assert columns['box'].tolist() == [
        [0.25, 0.5, 0.5, 1],
        [0, 0, 0.5, 0.75],
        [0.125, 0.25, 0.75, 0.875],
    ]
    assert columns['score'].tolist() == [0.75, 0.5, 0.25]
    assert columns['contact'].tolist() == [3, 0, -1] and columns['side'].tolist() == [1, 0, -1]
    assert (
        columns['offset'][:2].tolist() == [[0.125, -0.25], [0, 0]]
        and np.isnan(columns['offset'][2]).all()
    )


def test_store(tmp_path):
    save(
        tmp_path / 'in/P01/P01_01.pkl',
        [frame(1, [hand()], [thing(0.75)]), frame(2), frame(3, [], [thing(0.5)])],
    )
    save(tmp_path / 'in/P02/P02_101.pkl', [frame(1, video='P02_101')])
    assert convert_epic_boxes(tmp_path / 'in', tmp_path / 'out') == (2, 0, 0)
    store = TargetStore(tmp_path / 'out')
    assert store.video_ids == ['P01_01', 'P02_101']
    assert store.info('P01_01') == (3, 60.0, 456, 256, 1) and store.info('P02_101') == (
        1,
        50.0,
        456,
        256,
        1,
    )
    found = store.detections('P01_01', [0, 1, 2], total_frames=3)
    assert found.slot.tolist() == [0, 0, 2] and found.kind.tolist() == [HAND, OBJECT, OBJECT]
    assert found.box[0].tolist() == list(HAND_BOX) and found.offset[0].tolist() == [0.125, -0.25]
    assert len(store.detections('P02_101', [0])) == 0
    assert store.manifest.frame_size == (456, 256) and store.manifest.fps is None
    assert store.manifest.notes == 'hands of score 0.5 and more, objects of score 0.5 and more'
    with pytest.raises(TargetStoreError, match='notes is .* not .hands of score 0.1 and more'):
        convert_epic_boxes(tmp_path / 'in', tmp_path / 'out', hand_threshold=0.1)


@pytest.mark.parametrize(
    'hands, objects, scores',
    [
        (0.5, 0.5, [0.5, 0.75]),
        (0.5, 0.25, [0.5, 0.25, 0.75]),
        (0.51, 0.75, [0.75]),
        (0.0, 1.0, [0.25, 0.5]),
    ],
)
def test_thresholds(tmp_path, hands, objects, scores):
    path = save(
        tmp_path / 'P01_01.pkl', [frame(1, [hand(0.25), hand(0.5)], [thing(0.25), thing(0.75)])]
    )
    assert read_epic_boxes(path, hands, objects)['score'].tolist() == scores


def test_order_of_the_list_does_not_matter_and_unknown_fields_are_passed_over(tmp_path):
    extra = message(f9=3, f10=1.5, f11=b'new') + varint(12 << 3 | 1) + bytes(8)
    path = save(tmp_path / 'P01_01.pkl', [frame(2, [hand()]), frame(1, [hand(0.5)]) + extra])
    columns = read_epic_boxes(path)
    assert columns['frame'].tolist() == [0, 1] and columns['score'].tolist() == [0.5, 0.75]


def test_hand_without_an_offset(tmp_path):
    path = save(tmp_path / 'P01_01.pkl', [frame(1, [message(f1=box(*HAND_BOX), f2=0.75)])])
    assert np.isnan(read_epic_boxes(path)['offset']).all()


@pytest.mark.parametrize(
    'name, fps', [('P01_02', 60), ('P37_101', 50), ('P01_1', 0), ('video', 0), ('P01_1011', 0)]
)
def test_frame_rates(name, fps):
    assert epic_fps(name) == fps


class Evil:
    def __reduce__(self):
        return os.system, ('touch ran',)


@pytest.mark.parametrize(
    'messages, error',
    [
        ([Evil()], 'P01_01.pkl: refused, the pickle asks for posix.system'),
        ({'a': b''}, r'expected a list of serialised frames \(bytes\), .* found dict'),
        ([b'', 3], 'found a list with int'),
        (['text'], 'found a list with str'),
        ([], 'P01_01.pkl: holds no frames'),
        ([frame(1), frame(2)[:-1]], 'item 1: ends inside a number; get the file again'),
        ([frame(1, [hand()])[:-1]], 'item 0: ends inside field 3'),
        ([b'\x0b'], r'item 0: byte 1 is no field of a message \(number 1, wire type 3\)'),
        ([b'\x00\x00'], 'number 0, wire type 0'),
        ([b'\xff' * 11], 'goes on a number beyond 64 bits'),
        (
            [frame(0)],
            'item 0: frame_number is 0, expected 1 to 1, the number of frames in the file',
        ),
        ([frame(1), frame(3)], 'item 1: frame_number is 3, expected 1 to 2'),
        ([frame(1), frame(1)], 'item 1: frame_number 1 occurs a second time'),
        (
            [frame(1, video='P01_02')],
            "item 0: is of video 'P01_02', but the file name says 'P01_01'",
        ),
        ([frame(1, [message(f2=0.75)])], 'item 0: a detection has no box'),
        (
            [frame(1, [message(f1=1.5, f2=0.75)])],
            'item 0: field 1 is a float, expected a string or message',
        ),
        (
            [frame(1, [message(f1=message(f1=message(f1=5), f2=40), f2=0.75)])],
            'field 1 is a string or message, expected a float',
        ),
        (
            [frame(1, [hand(state=5)])],
            r'P01_01.pkl: contact 5.0 is not a whole number in \[-1, 4\]',
        ),
        ([frame(1, [hand(side=2)])], 'P01_01.pkl: side 2.0 is not a whole number'),
        ([frame(1, [hand(float('nan'))])], 'P01_01.pkl: score nan is not a number'),
        ([frame(1, [], [thing(1.5)])], 'P01_01.pkl: score 1.5 is not a number'),
        (
            [frame(1, [hand(corners=(100.0, 50.0, 200.0, 90.0))])],
            r'P01_01.pkl: box .* at frame 0 is outside \[0, 1\]',
        ),
        ([frame(1, [hand(corners=(0.5, 0.5, 0.25, 0.75))])], 'P01_01.pkl: box .* has x2 < x1'),
    ],
)
def test_bad_files(tmp_path, monkeypatch, messages, error):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(TargetStoreError, match=error):
        read_epic_boxes(save(tmp_path / 'P01_01.pkl', messages))
    assert not os.path.exists('ran')


def test_any_damage_is_an_error_or_harmless(tmp_path):
    """A flipped byte must never end in another exception."""
    for position in range(len(GOOGLE)):
        damaged = bytearray(GOOGLE)
        damaged[position] ^= 0xFF
        try:
            read_epic_boxes(save(tmp_path / 'P01_01.pkl', [bytes(damaged)]), 0, 0)
        except TargetStoreError as error:
            assert 'P01_01.pkl' in str(error)


def test_nothing_to_convert_and_two_of_one_name(tmp_path):
    with pytest.raises(TargetStoreError, match='nowhere: no .pkl files'):
        convert_epic_boxes(tmp_path / 'nowhere', tmp_path / 'out')
    for folder in 'ab':
        save(tmp_path / folder / 'P01_01.pkl', [frame(1)])
    with pytest.raises(TargetStoreError, match=r'a/P01_01.pkl and .*b/P01_01.pkl are of one video'):
        convert_epic_boxes(tmp_path, tmp_path / 'out')
    assert not (tmp_path / 'out').exists()


def test_skip_bad_and_resume(tmp_path):
    for name in ('P01_01', 'P01_02', 'P01_03'):
        save(tmp_path / f'in/{name}.pkl', [frame(1, video=name)])
    save(tmp_path / 'in/P01_02.pkl', [frame(1)])
    with pytest.raises(TargetStoreError, match="P01_02.pkl item 0: is of video 'P01_01'"):
        convert_epic_boxes(tmp_path / 'in', tmp_path / 'out')
    assert TargetStore(tmp_path / 'out').video_ids == ['P01_01']
    assert convert_epic_boxes(tmp_path / 'in', tmp_path / 'out', skip_bad=True) == (1, 1, 1)
    assert '"video_id": "P01_02"' in (tmp_path / 'out/failed.jsonl').read_text()
    save(tmp_path / 'in/P01_02.pkl', [frame(1, video='P01_02')])
    assert convert_epic_boxes(tmp_path / 'in', tmp_path / 'out') == (1, 2, 0)
    assert not (tmp_path / 'out/failed.jsonl').exists()


def test_a_second_folder_keeps_the_failures_of_the_first(tmp_path):
    for name in ('P01_01', 'P02_01'):
        save(tmp_path / f'{name}/{name}.pkl', [frame(1)])  # both say that they are of P01_01
    save(tmp_path / 'P01_01/P01_01.pkl', [frame(1, video='P09_09')])
    for name in ('P01_01', 'P02_01'):
        assert convert_epic_boxes(tmp_path / name, tmp_path / 'out', skip_bad=True) == (0, 0, 1)
    assert set(read_failures(tmp_path / 'out').reasons) == {'P01_01', 'P02_01'}
    save(tmp_path / 'P01_01/P01_01.pkl', [frame(1)])
    assert convert_epic_boxes(tmp_path / 'P01_01', tmp_path / 'out') == (1, 0, 0)
    assert set(read_failures(tmp_path / 'out').reasons) == {'P02_01'}


def test_varint_of_many_bytes():
    assert list(fields(message(f1=2**63 + 5, f500=1))) == [(1, 0, 2**63 + 5), (500, 0, 1)]
