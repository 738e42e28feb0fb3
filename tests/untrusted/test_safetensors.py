"""Safetensors files: round trips through every reader of checkpoints, and hostile headers."""

import io
import json
import pickle

import pytest
import sandbox
import torch
from mmengine.model import BaseModule
from mmengine.runner import load_checkpoint
from mmengine.runner.checkpoint import CheckpointLoader
from torch import nn

import egoexo_mm  # noqa: F401  MMEngine reads safetensors
from egoexo_mm.checkpoints.reading import read_checkpoint, read_weights
from egoexo_mm.checkpoints.resumable import why_not_resumable
from egoexo_mm.checkpoints.stripping import strip
from egoexo_mm.checkpoints.writing import write_checkpoint
from egoexo_mm.compat import checkpoints
from egoexo_mm.untrusted import safetensors_files
from egoexo_mm.untrusted.safetensors_files import DTYPES, is_safetensors, load_safetensors

META = dict(epoch=3, dataset_meta=dict(classes=['cut', 'öffnen']))


def all_types():
    """A tensor of each type, scalars, an empty one, a view and one that is not contiguous."""
    numbers = torch.arange(6).reshape(2, 3)
    weights = {name: numbers.to(dtype) for name, dtype in DTYPES.items()}
    base = torch.arange(12.0).reshape(3, 4)
    return dict(
        weights, scalar=torch.tensor(7), empty=torch.zeros(0, 3), row=base[1], turned=base.t()
    )


def same(one, other):
    assert set(one) == set(other)
    for name, value in one.items():
        assert value.dtype == other[name].dtype and value.shape == other[name].shape
        assert torch.equal(value.float(), other[name].float()), name


def test_round_trip(tmp_path):
    path = tmp_path / 'a.safetensors'
    write_checkpoint(dict(state_dict=all_types(), meta=META), path)
    found = load_safetensors(path)
    assert found['meta'] == META
    same(found['state_dict'], all_types())
    length = int.from_bytes(path.read_bytes()[:8], 'little')
    assert length % 8 == 0  # the first tensor is aligned
    same(read_checkpoint(path)['state_dict'], all_types())
    same(read_weights(path)[0], all_types())
    with open(path, 'rb') as file:  # as MMEngine opens files of other storage
        same(checkpoints.load(io.BytesIO(file.read()), 'cpu')['state_dict'], all_types())


def test_the_library_reads_ours_and_we_read_what_it_writes(tmp_path):
    library = pytest.importorskip('safetensors.torch', reason='safetensors is not installed')
    weights = {name: value.clone().contiguous() for name, value in all_types().items()}
    write_checkpoint(weights, tmp_path / 'ours.safetensors')
    same(library.load_file(tmp_path / 'ours.safetensors'), weights)
    library.save_file(weights, tmp_path / 'theirs.safetensors', metadata=dict(format='pt'))
    found = load_safetensors(tmp_path / 'theirs.safetensors')
    same(found['state_dict'], weights)
    assert found['meta'] == dict(format='pt')


def test_wherever_mmengine_reads_weights(tmp_path, monkeypatch):
    source = nn.Sequential(nn.Linear(2, 3))
    path = tmp_path / 'w.safetensors'
    write_checkpoint(dict(state_dict=source.state_dict(), meta=META), path)
    model = nn.Sequential(nn.Linear(2, 3))
    assert load_checkpoint(model, str(path))['meta'] == META  # load_from, tools/test.py
    assert torch.equal(model[0].weight, source[0].weight)

    class Part(BaseModule):
        def __init__(self):
            super().__init__(dict(type='Pretrained', checkpoint=str(path), prefix='0.'))
            self.weight, self.bias = nn.Parameter(torch.zeros(3, 2)), nn.Parameter(torch.zeros(3))

    part = Part()
    part.init_weights()
    assert torch.equal(part.weight, source[0].weight)
    monkeypatch.setattr(torch.hub, 'get_dir', lambda: str(tmp_path))
    (tmp_path / 'checkpoints').mkdir()
    path.rename(tmp_path / 'checkpoints' / path.name)  # as if it had been downloaded
    url = f'https://example.org/{path.name}'
    same(CheckpointLoader.load_checkpoint(url)['state_dict'], source.state_dict())


def test_stripping_writes_and_reads_it(tmp_path):
    weights = {'backbone.w': torch.ones(2), 'aux_heads.ego.w': torch.ones(1)}
    torch.save(dict(state_dict=weights, meta=dict(META, epoch=4)), tmp_path / 'a.pth')
    strip(tmp_path / 'a.pth', tmp_path / 'b.safetensors')
    assert 'kept 1 of 1' in strip(tmp_path / 'b.safetensors', tmp_path / 'c.pth')
    found = read_checkpoint(tmp_path / 'c.pth')
    assert found['meta'] == dict(META, epoch=4)
    same(found['state_dict'], {'backbone.w': torch.ones(2)})


def test_it_cannot_be_resumed(tmp_path):
    write_checkpoint(dict(state_dict=all_types(), meta=META), tmp_path / 'epoch_1.safetensors')
    said = why_not_resumable(str(tmp_path / 'epoch_1.safetensors'))
    assert said == 'holds no training state (no message_hub)'


def test_what_it_cannot_hold(tmp_path):
    with pytest.raises(ValueError, match='holds tensors of .*; optimizer is '):
        write_checkpoint(dict(optimizer=dict(lr=1)), tmp_path / 'a.safetensors')
    with pytest.raises(ValueError, match='x is torch.complex64'):
        write_checkpoint(dict(x=torch.zeros(1, dtype=torch.complex64)), tmp_path / 'a.safetensors')
    assert not list(tmp_path.iterdir())


def test_it_is_known_by_its_content(tmp_path):
    write_checkpoint(all_types(), tmp_path / 'a.safetensors')
    (tmp_path / 'a.safetensors').rename(tmp_path / 'a.bin')
    assert is_safetensors(tmp_path / 'a.bin')
    same(read_weights(tmp_path / 'a.bin')[0], all_types())
    weights = dict(w=torch.ones(2), row=all_types()['row'])  # torch 2.4 cannot save all types
    for new in (True, False):
        torch.save(weights, tmp_path / 'b.bin', _use_new_zipfile_serialization=new)
        assert not is_safetensors(tmp_path / 'b.bin')
    (tmp_path / 'short.bin').write_bytes(b'PK')
    assert not is_safetensors(tmp_path / 'short.bin')


def packed(header, data=bytes(16), length=None):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return (len(text) if length is None else length).to_bytes(8, 'little') + text + data


def tensor(shape=(4,), offsets=(0, 16), dtype='F32', **more):
    return dict(dtype=dtype, shape=list(shape), data_offsets=list(offsets), **more)


HOSTILE = {
    'empty': b'',
    'no header': bytes(8),
    'header behind the end': packed({'a': tensor()}, length=10**6),
    'header of 2**64': packed({'a': tensor()}, length=2**64 - 1),
    'header too long': packed({'a': tensor(), ' ' * (5 << 20): tensor((0,), (16, 16))}),
    'many brackets': packed(b'{"a":' + b'[],' * (1 << 20) + b'[]}'),
    'deep brackets': packed(b'{"a":' + b'[' * 10**5),
    'not JSON': packed(b'{"a": nothing}'),
    'not UTF-8': packed(b'{"\xff\xfe": 1}'),
    'a list': packed([tensor()]),
    'a tensor twice': packed(b'{"a": 1, "a": 2}'),
    'metadata of numbers': packed({'__metadata__': dict(a=1), 'a': tensor()}),
    'a list for a tensor': packed({'a': [1]}),
    'no shape': packed({'a': dict(dtype='F32', data_offsets=[0, 16])}),
    'more fields': packed({'a': tensor(code='x')}),
    'unknown type': packed({'a': tensor(dtype='F128')}),
    'a number as type': packed({'a': tensor(dtype=4)}),
    'overlap': packed({'a': tensor(), 'b': tensor((2,), (8, 16))}),
    'the same bytes twice': packed({'a': tensor(), 'b': tensor()}),
    'a hole': packed({'a': tensor((2,), (0, 8)), 'b': tensor((1,), (12, 16))}),
    'bytes in front': packed({'a': tensor((3,), (4, 16))}),
    'bytes behind': packed({'a': tensor((2,), (0, 8))}),
    'behind the end': packed({'a': tensor((2**20,), (0, 2**22))}),
    'cut off': packed({'a': tensor()}, bytes(15)),
    'size of another type': packed({'a': tensor(dtype='F64')}),
    'backwards': packed({'a': tensor((4,), (16, 0))}),
    'negative': packed({'a': tensor((-4,), (0, 16))}),
    'negative twice': packed({'a': tensor((-2, -2))}),
    'negative offset': packed({'a': tensor((8,), (-16, 16))}),
    'one offset': packed({'a': tensor(offsets=(16,))}),
    'fractions': packed({'a': tensor((4.0,))}),
    'true': packed({'a': tensor((4, True))}),
    'an offset as text': packed({'a': tensor(offsets=('0', '16'))}),
    'huge sizes and a zero': packed({'a': tensor((0, 2**61, 2**61), (0, 0))}, b''),
    'huge sizes': packed({'a': tensor((2**62, 2**62), (0, 16))}),
    'huge number': packed(b'{"a": {"dtype": "F32", "shape": [' + b'9' * 3000 + b']}}'),
    'many dimensions': packed({'a': tensor((1,) * 1000 + (4,))}),
    'long name': packed({'a\n' * 1000: tensor((3,))}),
}


@pytest.mark.parametrize('read', [read_weights, lambda path: checkpoints.load(str(path), 'cpu')])
def test_hostile_files_are_refused(tmp_path, read):
    """Each in a process with limits; a line of the message says which file and why."""

    def reader(item):
        (tmp_path / 'h.safetensors').write_bytes(item[1])
        return read(tmp_path / 'h.safetensors')

    cases = list(HOSTILE.items())
    outcomes = sandbox.run(reader, cases, refusals=(ValueError, pickle.UnpicklingError))
    for (name, _), outcome in zip(cases, outcomes):
        assert outcome.kind == 'refused', (name, outcome)
        assert 'not a safetensors file (' in outcome.text and 'h.safetensors' in outcome.text, name
        assert len(outcome.text) < 700 and '\n' not in outcome.text
        assert outcome.megabytes < 200 and outcome.seconds < 5, (name, outcome)


def test_messages_name_tensor_and_numbers(tmp_path):
    for name, said in {
        'header behind the end': r'a header of 1000000 bytes in a file of \d+',
        'header too long': 'expected up to 4194304',
        'overlap': "tensor 'b' begins at byte 8, and what precedes it ends at 16",
        'size of another type': r'of shape \[4\] and type F64 needs 32 bytes, and its data_offsets',
        'bytes behind': 'its tensors are 8 bytes, and the file has 16 behind its header',
    }.items():
        (tmp_path / 'h.safetensors').write_bytes(HOSTILE[name])
        with pytest.raises(ValueError, match=said):
            read_weights(tmp_path / 'h.safetensors')


def test_a_file_without_a_fault_is_read(tmp_path):
    (tmp_path / 'g.safetensors').write_bytes(packed({'a': tensor(), 'b': tensor((0,), (16, 16))}))
    assert {name: len(value) for name, value in read_weights(tmp_path / 'g.safetensors')[0].items()}
    assert safetensors_files.LONGEST_HEADER == 4 << 20
