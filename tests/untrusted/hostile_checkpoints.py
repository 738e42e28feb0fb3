"""Checkpoint files that attack whoever reads them, by name."""

import functools
import io
import pickle
import struct
import tarfile
import zipfile

from hostile_pickles import (
    EMPTY,
    F8,
    OBJECTS,
    P2,
    array,
    hostile_pickles,
    laughs,
    name,
    number,
    state,
    text,
)

MAGIC = 0x1950A86A20F9469CFC6C
HISTORY = ('mmengine.logging.history_buffer', 'HistoryBuffer')


def zipped(data, records=(('data/0', bytes(64)),), **kwargs):
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w', **kwargs) as archive:
        for path, content in (
            ('data.pkl', data),
            ('byteorder', b'little'),
            ('version', b'3\n'),
            *records,
        ):
            archive.writestr(f'archive/{path}', content)
    return file.getvalue()


def legacy(data, keys=(), behind=b''):
    head = [
        MAGIC,
        1001,
        dict(protocol_version=1001, little_endian=True, type_sizes=dict(short=2, int=4, long=4)),
    ]
    return (
        b''.join(pickle.dumps(part, 2) for part in head)
        + data
        + pickle.dumps(list(keys), 2)
        + behind
    )


def tarred(data):
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode='w') as archive:
        for path, content in (
            ('sys_info', pickle.dumps(dict(little_endian=True, protocol_version=1000), 2)),
            ('pickle', data),
            ('storages', pickle.dumps(0, 2)),
            ('tensors', pickle.dumps(0, 2)),
        ):
            info = tarfile.TarInfo(path)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return file.getvalue()


def under(key, body):
    return P2 + b'}' + text(key) + body + b's.'


def storage(numel, kind='FloatStorage', key='0', location='cpu'):
    return (
        b'('
        + text('storage')
        + name('torch', kind)
        + text(key)
        + text(location)
        + number(numel)
        + b'tQ'
    )


def tensor(stored, offset=0, size=(4,), stride=(1,)):
    sides = [b'(' + b''.join(map(number, numbers)) + b't' for numbers in (size, stride)]
    return (
        name('torch._utils', '_rebuild_tensor_v2')
        + b'('
        + stored
        + number(offset)
        + sides[0]
        + sides[1]
        + b'\x89'
        + name('collections', 'OrderedDict')
        + b')RtR'
    )


def weights(body):
    return under('state_dict', b'}' + text('backbone.conv1.weight') + body + b's')


TENSORS = {  # the record has 64 bytes, 16 floats
    'storage_longer': tensor(storage(1 << 20)),
    'storage_huge': tensor(storage(1 << 45)),
    'storage_negative': tensor(storage(-1)),
    'storage_of_doubles': tensor(storage(16, 'DoubleStorage')),
    'storage_quantised': tensor(storage(64, 'QUInt8Storage')),
    'storage_absent': tensor(storage(16, key='7')),
    'storage_path': tensor(storage(16, key='../data.pkl')),
    'storage_location': tensor(storage(16, location='cuda:99999999999999999999')),
    'size_beyond': tensor(storage(16), size=(17,)),
    'offset_beyond': tensor(storage(16), 13),
    'offset_negative': tensor(storage(16), -1),
    'stride_beyond': tensor(storage(16), size=(4,), stride=(6,)),
    'stride_negative': tensor(storage(16), 8, (4,), (-1,)),
    'size_overflow': tensor(storage(16), size=(1 << 32, 1 << 32), stride=(0, 0)),
    'size_negative': tensor(storage(16), size=(-4,)),
    'size_and_stride': tensor(storage(16), size=(4, 4), stride=(1,)),
    'storage_alone': storage(16),
    'no_storage': tensor(b'}'),
    'load_from_bytes': name('torch.storage', '_load_from_bytes') + text('x') + b'\x85R',
}
HISTORIES = {
    'getattr_of_os': name('__builtin__', 'getattr') + name('os', 'environ') + text('x') + b'\x86R',
    'getattr_of_dtype': name('__builtin__', 'getattr')
    + name('numpy', 'dtype')
    + text('__class__')
    + b'\x86R',
    'history_of_objects': name(*HISTORY)
    + b')\x81}('
    + text('_log_history')
    + array((1,), OBJECTS, b']Na')
    + text('_count_history')
    + array((1,), OBJECTS, b']Na')
    + text('max_length')
    + b'K\x05ub',
    'history_of_lists': name(*HISTORY)
    + b')\x81}('
    + text('_log_history')
    + b']'
    + text('_count_history')
    + b']ub',
    'history_lengths': name(*HISTORY)
    + b')\x81}('
    + text('_log_history')
    + array((1,), F8, text('A' * 8))
    + text('_count_history')
    + array((0,), F8, text(''))
    + b'ub',
    'history_called': name(*HISTORY) + b'(]]' + number(2**31 - 1) + b'tR',
    'history_attribute': name(*HISTORY) + b')\x81}' + text('update') + b'K\x01sb',
    'history_statistics': name(*HISTORY)
    + b')\x81}('
    + text('_log_history')
    + array((0,), F8, text(''))
    + text('_count_history')
    + array((0,), F8, text(''))
    + text('statistics_methods')
    + b'}'
    + text('mean')
    + name('__builtin__', 'getattr')
    + name(*HISTORY)
    + text('min')
    + b'\x86Rsub',
    'history_without_state': name(*HISTORY) + b')\x81',
    'counters': b']('
    + (
        name('collections', 'Counter')
        + b'}('
        + b''.join(b'J' + struct.pack('<i', i) + b'K\x01' for i in range(3000))
        + b'uq\x07\x85R'
    )
    + (name('collections', 'Counter') + b'h\x07\x85R') * 9000
    + b'e',
    'metadata': name('collections', 'OrderedDict') + b')R}' + text('items') + b'K\x01sb',
    'counter': name('collections', 'Counter') + b'}' + text('a') + b']s\x85R',
    'array_without_state': EMPTY,
    'array_twice': array((1,), F8, text('A' * 8)) + state((1,), F8, text('A' * 8)) + b'b',
    'size_of_texts': name('torch', 'Size') + b'(' + text('a') + b't\x85R',
    'device': name('torch', 'device') + text('x y') + b'\x85R',
    'lists': laughs(b'](' + b'N' * 10 + b'e', b'](', b'e') + b'h\x09',
}


@functools.cache
def hostile_checkpoints():
    """Name -> bytes."""
    made = {}
    for form, wrap in dict(zip=zipped, legacy=legacy, tar=tarred, raw=bytes).items():
        for key, data in hostile_pickles().items():
            if len(data) < 10**5 or form == 'zip':
                made[f'{form}_{key}'] = wrap(data)
        for key, body in {**TENSORS, **HISTORIES}.items():
            made[f'{form}_t_{key}'] = wrap(weights(body))
            made[f'{form}_m_{key}'] = wrap(under('meta', body))
    good = weights(tensor(storage(16)))
    made['zip_deflated'] = zipped(good, compression=zipfile.ZIP_DEFLATED)
    made['zip_bomb'] = zipped(good, [('data/0', bytes(1 << 30))], compression=zipfile.ZIP_DEFLATED)
    made['zip_script'] = zipped(good, [('data/0', bytes(64)), ('constants.pkl', b'\x80\x02).')])
    made['zip_two_pickles'] = zipped(good, [('data/0', bytes(64)), ('../other/data.pkl', good)])
    made['zip_big_endian'] = zipped(good).replace(b'little', b'bigend')
    made['zip_other_crc'] = zipped(good).replace(bytes(64), b'A' * 64)
    made['zip_cut'] = zipped(good)[:-40]
    made['legacy_keys'] = legacy(good, ['1'], struct.pack('<q', 16) + bytes(64))
    made['legacy_count'] = legacy(good, ['0'], struct.pack('<q', 1 << 40) + bytes(64))
    made['legacy_cut'] = legacy(good, ['0'], struct.pack('<q', 16) + bytes(63))
    return made


def good_checkpoints():
    """The same without a fault, which shows that the others fail for theirs."""
    good = weights(tensor(storage(16)))
    return {'zip': zipped(good), 'legacy': legacy(good, ['0'], struct.pack('<q', 16) + bytes(64))}
