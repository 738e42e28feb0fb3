"""Arrow IPC files whose record batches take no more room than they have in the file.

A compressed batch names the size it unpacks to, and many entries of the footer can name one batch;
both are found in the metadata before Arrow allocates anything. Format:
https://arrow.apache.org/docs/format/Columnar.html#ipc-file-format, in flatbuffers
(``format/File.fbs``, ``format/Message.fbs``).
"""

from __future__ import annotations

import struct
from collections.abc import Iterator

_END = b'ARROW1'
_BLOCK = struct.Struct('<qi4xq')  # offset, bytes of metadata, bytes of the body
_BATCHES_OF_FOOTER, _HEADER_OF_MESSAGE, _COMPRESSION_OF_BATCH = 3, 2, 3  # numbers of fields


def check_arrow_file(data: memoryview) -> None:
    """Refuse a file whose batches are compressed or overlap.

    Raises:
        ValueError: they are, or this is no Arrow file.
    """
    try:
        if bytes(data[-len(_END) :]) != _END:
            raise ValueError('it does not end as an Arrow file')
        end = len(data) - len(_END) - 4
        size = _number('<i', data, end)
        if not 0 < size <= end:
            raise ValueError('its footer is damaged')
        left = len(data)
        for offset, metadata, body in _blocks(data[end - size : end]):
            left -= metadata + body
            if offset < 0 or metadata <= 0 or body < 0 or left < 0:
                raise ValueError('its record batches overlap or exceed the file')
            message = data[offset : offset + metadata]
            message = message[8 if _number('<I', message, 0) == 0xFFFFFFFF else 4 :]
            batch = _follow(message, _field(message, _number('<I', message, 0), _HEADER_OF_MESSAGE))
            if _field(message, batch, _COMPRESSION_OF_BATCH):
                raise ValueError(
                    'its record batches are compressed; write them without compression'
                )
    except struct.error:
        raise ValueError('its metadata is damaged') from None


def _blocks(footer: memoryview) -> Iterator[tuple[int, int, int]]:
    field = _field(footer, _number('<I', footer, 0), _BATCHES_OF_FOOTER)
    if field:
        vector = _follow(footer, field)
        for number in range(_number('<I', footer, vector)):
            yield _BLOCK.unpack_from(footer, vector + 4 + number * _BLOCK.size)


def _number(layout: str, data: memoryview, at: int) -> int:
    if at < 0:
        raise ValueError('its metadata is damaged')
    return struct.unpack_from(layout, data, at)[0]


def _follow(data: memoryview, at: int) -> int:
    return at + _number('<I', data, at)


def _field(data: memoryview, table: int, number: int) -> int:
    """Where a field of a flatbuffers table is, 0 where it is not set."""
    directory = table - _number('<i', data, table)
    if _number('<H', data, directory) < 6 + 2 * number:
        return 0
    offset = _number('<H', data, directory + 4 + 2 * number)
    return table + offset if offset else 0
