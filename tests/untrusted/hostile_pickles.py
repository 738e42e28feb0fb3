"""Pickles that attack whoever reads them, by name. The opcodes are those of ``pickletools``."""

import functools
import struct

P2, P4, P5 = b'\x80\x02', b'\x80\x04', b'\x80\x05'


def name(module, attribute):
    return b'c' + module.encode() + b'\n' + attribute.encode() + b'\n'


def text(value):
    raw = value.encode()
    return b'X' + struct.pack('<I', len(raw)) + raw


def raw(value):
    return b'B' + struct.pack('<I', len(value)) + value


def number(value):
    return b'\x8a\x08' + struct.pack('<q', value)


def dtype(code, state=b''):
    return name('numpy', 'dtype') + code + b'\x89\x88\x87R' + (state and state + b'b')


def dtype_state(*, order='<', names=b'N', fields=b'N', size=-1, flags=0):
    return (
        b'(K\x03'
        + text(order)
        + b'N'
        + names
        + fields
        + number(size)
        + number(-1)
        + number(flags)
        + b't'
    )


RECONSTRUCT = name('numpy.core.multiarray', '_reconstruct')
EMPTY = RECONSTRUCT + name('numpy', 'ndarray') + b'K\x00\x85' + raw(b'b') + b'\x87R'
FROM_BUFFER = name('numpy.core.numeric', '_frombuffer')


def state(shape, kind, data):
    return b'(K\x01(' + b''.join(map(number, shape)) + b't' + kind + b'\x89' + data + b't'


def array(shape, kind, data):
    return EMPTY + state(shape, kind, data) + b'b'


F8, OBJECTS = dtype(text('f8')), dtype(text('O8'))
VIEW = (
    b'0'
    + FROM_BUFFER
    + b'(h\x00'
    + dtype(text('u8'))
    + number(2)
    + b'\x85'
    + text('C')
    + b'tRq\x01'
)
FORGED = array((2,), OBJECTS, b']' + b'(' + text('one') + text('two') + b'e') + b'q\x00' + VIEW
OVERWRITE = b'0h\x01K\x00' + number(0x4141414141414141) + b's'


def laughs(first, wrap, last, levels=10):
    """Each level holds the one before it ten times."""
    made = first + b'q\x000'
    for level in range(1, levels):
        made += wrap + (b'h' + bytes([level - 1])) * 10 + last + b'q' + bytes([level]) + b'0'
    return made


LISTS = laughs(b'](' + b'N' * 10 + b'e', b'](', b'e')
NUMBERS = laughs(b'](' + b'K\x01' * 10 + b'e', b'](', b'e')
TUPLES = laughs(b'(' + b'K\x01' * 10 + b't', b'(', b't')
# First the lists are put into each other while they are empty, then they are filled.
TOP_DOWN = (
    b''.join(b']q' + bytes([i]) + b'0' for i in range(10))
    + b''.join(
        b'h' + bytes([i]) + b'(' + (b'h' + bytes([i - 1])) * 10 + b'e0' for i in range(9, 0, -1)
    )
    + b'h\x00('
    + b'N' * 10
    + b'e0'
)


def same_hash(count):
    """Pairs of numbers with one hash (CPython's xxHash of tuples can be solved for the second)."""
    mask, p1, p2, p5 = 2**64 - 1, 11400714785074694791, 14029467366897019727, 2870177450012600261
    inverse, made = pow(p2, -1, 2**64), []
    target = hash((1, 2)) & mask
    first = 0
    while len(made) < count:
        first += 1
        acc = (p5 + first * p2) & mask
        acc = (((acc << 31) | (acc >> 33)) * p1) & mask
        want = (target - (2 ^ (p5 ^ 3527539))) & mask
        want = (want * pow(p1, -1, 2**64)) & mask
        want = ((want >> 31) | (want << 33)) & mask
        second = ((want - acc) * inverse) & mask
        if second < 2**61 - 1:
            made.append((first, second))
    return made


@functools.cache
def hostile_pickles():
    """Name -> bytes. None of them is of plain data, so every reader must refuse every one."""
    made = {
        'forged_pointer': P4 + FORGED + OVERWRITE + b'0h\x00.',
        'forged_pointer_in_dict': P4 + FORGED + OVERWRITE + b'0}' + text('a.mp4') + b'h\x00s.',
        'view_of_array': P4 + FORGED + b'.',
        'freed_memory': P4
        + array((8,), F8, raw(bytes(64)))
        + b'q\x00'
        + VIEW
        + b'0h\x00'
        + state((1,), F8, raw(bytes(8)))
        + b'b0h\x01.',
        'grown_bytearray': P4
        + name('builtins', 'bytearray')
        + raw(bytes(64))
        + b'\x85Rq\x00'
        + VIEW
        + b'0h\x00(K\x01K\x02e.',
        'objects_from_bytes': P4
        + FROM_BUFFER
        + b'('
        + raw(b'A' * 8)
        + OBJECTS
        + b'K\x01\x85'
        + text('C')
        + b'tR.',
        'objects_list_short': P4 + array((1000000,), OBJECTS, b']') + b'.',
        'objects_negative': P4 + array((-1,), OBJECTS, b']') + b'.',
        'objects_in_scalar': P4
        + name('numpy.core.multiarray', 'scalar')
        + OBJECTS
        + raw(b'A' * 8)
        + b'\x86R.',
        'flags_say_objects': P4
        + array((4,), dtype(text('f8'), dtype_state(size=8, flags=0x3F)), b']K\x01a')
        + b'.',
        'flags_say_objects_bytes': P4
        + array((1,), dtype(text('f8'), dtype_state(flags=0x3F)), raw(b'A' * 8))
        + b'.',
        'forged_item_size': P4
        + array((1 << 20,), dtype(text('f8'), dtype_state(size=0)), raw(b''))
        + b'.',
        'forged_item_size_large': P4
        + array((1,), dtype(text('f8'), dtype_state(size=1 << 30)), raw(b'A' * 8))
        + b'.',
        'field_of_objects': P4
        + array(
            (1,),
            dtype(
                text('f8'),
                dtype_state(
                    names=text('a') + b'\x85', fields=b'}' + text('a') + OBJECTS + b'K\x00\x86s'
                ),
            ),
            b']K\x01a',
        )
        + b'.',
        'structured': P4 + dtype(b'](' + text('a') + text('O') + b'\x86e') + b'.',
        'comma': P4 + dtype(text('O,f8')) + b'.',
        'dtype_alone': P4 + F8 + b'.',
        'type_alone': P4 + name('numpy', 'ndarray') + b'.',
        'type_in_dict': P4 + b'}' + text('a') + OBJECTS + b's.',
        'huge_text_dtype': P4 + dtype(text('U500000000')) + b'.',
        'text_without_bytes': P4 + array((1,), dtype(text('U999999')), raw(b'')) + b'.',
        'text_no_characters': P4 + array((1,), dtype(text('U1')), raw(b'\xff\xff\xff\x7f')) + b'.',
        'booleans_of_255': P4 + array((2,), dtype(text('b1')), raw(b'\xff\xfe')) + b'.',
        'shape_overflow': P4 + array((1 << 32, 1 << 32), F8, raw(b'')) + b'.',
        'shape_overflow_64': P4 + array((1 << 61, 8), F8, raw(b'')) + b'.',
        'shape_zero_and_huge': P4 + array((0, 1 << 62), F8, raw(b'')) + b'.',
        'shape_of_70': P4 + array((1,) * 70, F8, raw(bytes(8))) + b'.',
        'shape_no_tuple': P4 + EMPTY + b'(K\x01]K\x01a' + F8 + b'\x89' + raw(bytes(8)) + b'tb.',
        'reconstruct_shape': P4
        + RECONSTRUCT
        + name('numpy', 'ndarray')
        + number(1 << 30)
        + b'\x85'
        + text('d')
        + b'\x87R.',
        'reconstruct_objects': P4
        + RECONSTRUCT
        + name('numpy', 'ndarray')
        + number(400_000_000)
        + b'\x85'
        + text('O')
        + b'\x87R.',
        'array_without_state': P4 + EMPTY + b'.',
        'array_in_itself': P4 + EMPTY + b'q\x00' + state((1,), OBJECTS, b']h\x00a') + b'b.',
        'put': P2 + b']r' + struct.pack('<I', 150_000_000) + b'.',
        'put_most': P2 + b']r\xff\xff\xff\xff.',
        'put_text': b'(lp150000000\n.',
        'put_negative': b'(lp-5\n.',
        'frame': P4 + b'\x95' + struct.pack('<Q', 1 << 34) + b'N.',
        **{
            f'long_{opcode[0]:02x}': P5 + opcode + struct.pack('<Q', 1 << 34) + b'x.'
            for opcode in (b'\x8e', b'\x96', b'\x8d')
        },
        'long4': P4 + b'\x8b' + struct.pack('<i', 0x7FFFFFFF) + b'x.',
        'long4_negative': P4 + b'\x8b\xff\xff\xff\xffx.',
        'integer_of_512_kB': P4 + b'\x8b' + struct.pack('<i', 1 << 19) + b'\x7f' * (1 << 19) + b'.',
        'integer_of_digits': b'L' + b'9' * 200000 + b'L\n.',
        **{
            f'zeros_{kind}': P4 + name('builtins', kind) + number(3 << 30) + b'\x85R.'
            for kind in ('bytes', 'bytearray')
        },
        'lists': P4 + LISTS + b'h\x09.',
        'lists_in_dict': P4 + LISTS + b'}' + text('a.mp4') + b'h\x09s.',
        'lists_as_dtype': P4 + LISTS + name('numpy', 'dtype') + b'h\x09\x85R.',
        'lists_as_type': P4 + LISTS + RECONSTRUCT + b'h\x09K\x00\x85' + raw(b'b') + b'\x87R.',
        'lists_as_spec': P4
        + LISTS
        + name('numpy.core.multiarray', 'scalar')
        + b'h\x09'
        + raw(b'b')
        + b'\x86R.',
        'lists_as_encoding': P4 + LISTS + name('_codecs', 'encode') + text('a') + b'h\x09\x86R.',
        'lists_called': P4 + LISTS + b'h\x09)R.',
        'lists_appended': P4 + LISTS + b'K\x01h\x09a.',
        'lists_top_down': P4 + TOP_DOWN + b'h\x09.',
        'numbers': P4 + NUMBERS + b'}' + text('a.mp4') + b'h\x08s.',
        'numbers_as_boxes': P4 + NUMBERS + b']((h\x08Nte.',
        'shared_array': P4
        + array((1000, 1000), dtype(text('u1')), raw(bytes(10**6)))
        + b'q\x000]('
        + b'h\x00' * 10**5
        + b'e.',
        'copies_of_bytes': P4
        + raw(bytes(10**6))
        + b'q\x000]('
        + array((10**6,), dtype(text('u1')), b'h\x00') * 1000
        + b'e.',
        'copies_of_list': P4
        + b']q\x00('
        + b'K\x01' * 50_000
        + b'e0]('
        + (name('builtins', 'set') + b'h\x00\x85R') * 20_000
        + b'e.',
        'tuples_as_key': P4 + TUPLES + b'}h\x05K\x01s.',
        'tuples_as_key_9': P4 + TUPLES + b'}h\x09K\x01s.',
        'tuples_in_set': P4 + TUPLES + b'\x8f(h\x09\x90.',
        'tuples_in_frozenset': P4 + TUPLES + b'(h\x09\x91.',
        'deep_list': P4 + b']' * 200_000 + b'a' * 199_999 + b'.',
        'deep_tuple': P4 + b')' + b'\x85' * 200_000 + b'.',
        'deep_in_marks': P4 + b'(](' * 10**5 + b'.',
        'marks': P4 + b'(' * 200_000 + b'.',
        'deep_key': P4 + b'})' + b'\x85' * 10**5 + b'K\x01s.',
        'deep_set': P4 + b'\x8f()' + b'\x85' * 200_000 + b'\x90.',
        'deep_arguments': P4 + name('builtins', 'set') + b')' + b'\x85' * 200_000 + b'R.',
        'list_in_itself': P4 + b']q\x00h\x00a.',
        'dict_in_itself': P4 + b'}q\x00' + text('a') + b'h\x00s.',
        'list_in_list_in_itself': P4 + b']q\x00]q\x01h\x00ah\x01a.',
        'sets': P4 + b'(' + b'\x8f' * 10**6 + b'.',
        'one_hash': one_hash(10_100),
        'integers_of_one_hash': P4
        + b'}('
        + b''.join(
            b'\x8a\x0a' + (k * (2**61 - 1)).to_bytes(10, 'little') + b'N' for k in range(1, 60_000)
        )
        + b'u.',
        'unhashable_key': P4 + b'}]K\x01s.',
        'half_a_dict': P4 + b'}(K\x01u.',
        'item_of_text': P4 + text('ab') + b'K\x00K\x01s.',
        'append_to_bytearray': P5 + b'\x96' + struct.pack('<Q', 1) + b'xK\x01a.',
        'state_of_set': P4 + b'\x8fN}' + text('add') + b'K\x01s\x86b.',
        'state_of_list': P4 + b']}b.',
        'stack_underflow': P4 + b'\x86.',
        'no_mark': P4 + b't.',
        'get_unknown': P4 + b'h\x07.',
        'get_negative': b'g-1\n.',
        'protocol_255': b'\x80\xff.',
        'extension': P4 + b'\x82\x01.',
        'extension_4': P4 + b'\x84\xff\xff\xff\x7f.',
        'persistent': b'Pos.system\n.',
        'persistent_binary': P4 + text('os') + b'Q.',
        'next_buffer': P5 + b'\x97.',
        'readonly_buffer': P5 + raw(b'x') + b'\x98.',
        'surrogate': P4 + b'X\x03\x00\x00\x00\xed\xa0\x80.',
        'only_stop': b'.',
        'empty': b'',
        'slice': P4 + name('builtins', 'slice') + b'K\x00' + number(1 << 60) + b'\x86R.',
    }
    for module, attribute in (
        ('os', 'system'),
        ('builtins', 'eval'),
        ('builtins', 'getattr'),
        ('builtins', 'bytes.__class__'),
        ('numpy', 'ndarray.tofile'),
        ('numpy', 'load'),
        ('copyreg', '__newobj__'),
        ('', ''),
        ('torch.storage', '_load_from_bytes'),
        ('pandas', 'read_pickle'),
        ('numpy.core..', 'multiarray'),
    ):
        for form, asked in dict(
            call=text(module) + text(attribute) + b'\x93' + text('x') + b'\x85R',
            new=text(module) + text(attribute) + b'\x93)\x81',
            state=text(module) + text(attribute) + b'\x93}b',
        ).items():
            made[f'{form}_{module}_{attribute}'] = P4 + asked + b'.'
        made[f'inst_{module}_{attribute}'] = (
            b'(' + text('x') + b'i' + module.encode() + b'\n' + attribute.encode() + b'\n.'
        )
    return made


def one_hash(count):
    keys = same_hash(count)
    assert len({hash(key) for key in keys[:5]}) == 1
    return (
        P4
        + b'}('
        + b''.join(
            b'\x8a\x08' + struct.pack('<q', a) + b'\x8a\x08' + struct.pack('<q', b) + b'\x86N'
            for a, b in keys
        )
        + b'u.'
    )
