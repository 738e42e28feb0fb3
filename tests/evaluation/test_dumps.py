"""Dumps are read without running what they ask for."""

import io
import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.evaluator import DumpResults

import egoexo_mm  # noqa: F401
from egoexo_mm.evaluation.dumps import read_dump


def dump(path, samples):
    metric = DumpResults(str(path))
    metric.process(None, samples)
    metric.evaluate(len(samples))


def test_what_dump_results_writes(tmp_path):
    whole = torch.arange(12.0).reshape(3, 4)
    samples = [
        dict(
            pred_score=dict(verb=whole[1], noun=whole[:, 2]),
            gt_label=torch.tensor([3, -1]),
            narration_id='P01_01_0',
            img_shape=(256, 341),
            empty=torch.zeros(0),
            half=torch.tensor([0.5], dtype=torch.bfloat16),
            scalar=torch.tensor(7),
            array=np.arange(3),
            number=np.float32(0.25),
            nothing=None,
        )
    ]
    dump(tmp_path / 'd.pkl', samples)
    [found] = read_dump(tmp_path / 'd.pkl')
    assert found['pred_score']['verb'].tolist() == [4, 5, 6, 7]
    assert found['pred_score']['noun'].tolist() == [
        2,
        6,
        10,
    ]  # a strided view of a storage that both share
    assert found['gt_label'].tolist() == [3, -1] and found['gt_label'].dtype == np.int64
    assert found['scalar'] == 7 and found['scalar'].shape == () and found['empty'].shape == (0,)
    assert (
        found['half'].tolist() == [0.5]
        and found['array'].tolist() == [0, 1, 2]
        and found['number'] == 0.25
    )
    assert (
        found['narration_id'] == 'P01_01_0'
        and found['img_shape'] == (256, 341)
        and found['nothing'] is None
    )


class Call:
    """Pickles as a call of a function."""

    def __init__(self, function, *args):
        self.call = (function, args)

    def __reduce__(self):
        return self.call


def saved(value):
    buffer = io.BytesIO()
    torch.save(value, buffer, _use_new_zipfile_serialization=False)
    return buffer.getvalue()


def storage_of(count):
    return torch.zeros(count).storage()  # in a pickle: _load_from_bytes(...)


@pytest.mark.filterwarnings('ignore:TypedStorage')
@pytest.mark.parametrize(
    ('value', 'message'),
    [
        (lambda mark: Call(os.mkdir, mark), r'\(it asks for posix.mkdir, which is refused\)'),
        (lambda mark: Call(torch.load, io.BytesIO(b'x')), 'which is refused'),
        # a pickle inside the storage of a tensor, which torch itself would run
        (
            lambda mark: Call(torch.storage._load_from_bytes, saved(Call(os.mkdir, mark))),
            'not read as a test dump',
        ),
        (
            lambda mark: Call(torch.storage._load_from_bytes, saved([1])),
            'a tensor storage that holds list',
        ),
        (
            lambda mark: Call(
                torch._utils._rebuild_tensor_v2, storage_of(4), 0, (5,), (1,), False, {}
            ),
            'a tensor that does not lie within its storage',
        ),
        (
            lambda mark: Call(
                torch._utils._rebuild_tensor_v2, storage_of(4), 0, (2,), (-1,), False, {}
            ),
            'a tensor that does not lie within its storage',
        ),
        (
            lambda mark: Call(
                torch._utils._rebuild_tensor_v2, storage_of(4), 0, (10**12, 0), (1, 1), False, {}
            ),
            None,
        ),
    ],
)
def test_hostile_pickles(tmp_path, value, message):
    mark = str(tmp_path / 'ran')
    (tmp_path / 'd.pkl').write_bytes(
        pickle.dumps([dict(pred_score=value(mark))])
        if message != 'which is refused'
        else b'ctorch\nload\n(S"x"\ntR.'.replace(b'x', mark.encode())
    )
    if message is None:  # no element, hence within any storage
        assert read_dump(tmp_path / 'd.pkl')[0]['pred_score'].size == 0
    else:
        with pytest.raises(ValueError, match=message) as caught:
            read_dump(tmp_path / 'd.pkl')
        assert str(caught.value).startswith(f'{tmp_path / "d.pkl"}: ') and '\n' not in str(
            caught.value
        )
    assert not os.path.exists(mark)


@pytest.mark.parametrize(
    ('content', 'message'),
    [
        (b'', r'not read as a test dump \(Ran out of input\)'),
        (pickle.dumps([dict(a=np.arange(100))])[:-20], 'not read as a test dump'),
        (pickle.dumps([]), 'the dump is empty; test again with --dump'),
        (pickle.dumps(dict(a=1)), 'expected a list of data samples, got dict'),
        (pickle.dumps([1]), 'expected a list of data samples, got list'),
    ],
)
def test_damaged_and_other_files(tmp_path, content, message):
    (tmp_path / 'd.pkl').write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_dump(tmp_path / 'd.pkl')


def test_no_file():
    with pytest.raises(
        ValueError, match='gone.pkl: no such file; write it with tools/test.py --dump'
    ):
        read_dump('gone.pkl')
