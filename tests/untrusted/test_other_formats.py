"""Arrow, XML and zip files that unpack to far more than they hold are refused, within limits."""

import io
import sys
import zipfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import sandbox

from egoexo_mm.datasets.annotations.hand_object_xml import read_hand_object_xml
from egoexo_mm.evaluation.epic_submission_check import check_submission
from egoexo_mm.targets.store.records import arrow_schema
from egoexo_mm.targets.store.shards import read_shard
from egoexo_mm.untrusted.arrow_file import check_arrow_file

sys.path.insert(0, str(Path(__file__).parents[1] / 'targets'))
import stores  # noqa: E402

BOMB = (
    '<!DOCTYPE a [<!ENTITY b0 "0123456789">'
    + ''.join(f'<!ENTITY b{i} "{f"&b{i - 1};" * 10}">' for i in range(1, 10))
    + ']><annotation>&b9;</annotation>'
)


def shard(count, compression=None):
    schema = arrow_schema(stores.PROBS)
    columns = {'video_id': ['a'] * count, 'score': [np.full(4, 0.25, np.float16)] * count}
    batch = pa.record_batch(
        [pa.array(columns.get(field.name, [1] * count), field.type) for field in schema], schema
    )
    sink = io.BytesIO()
    with pa.ipc.new_file(
        sink, schema, options=pa.ipc.IpcWriteOptions(compression=compression)
    ) as writer:
        writer.write_batch(batch)
    return sink.getvalue()


def refused(read, path, content):
    path.write_bytes(content)
    [outcome] = sandbox.run(read, [path])
    assert outcome.kind == 'refused' and '\n' not in outcome.text and len(outcome.text) < 500, (
        outcome
    )
    return outcome.text


def test_compressed_shards(tmp_path):
    def read(path):
        return read_shard(path, arrow_schema(stores.PROBS))

    (tmp_path / 'good.arrow').write_bytes(shard(3))
    assert read(tmp_path / 'good.arrow')[0].num_rows == 3
    for compression in ('lz4', 'zstd'):
        text = refused(read, tmp_path / 'bad.arrow', shard(1_000, compression))
        assert 'its record batches are compressed; write them without compression' in text
    with pytest.raises(ValueError, match='does not end as an Arrow file'):
        check_arrow_file(memoryview(shard(3)[:-1]))


@pytest.mark.parametrize(
    'text, message',
    [
        (BOMB, 'declares entities'),
        (
            '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><annotation>&x;</annotation>',
            'entities',
        ),
        ('<a>' * 10**5, 'nested deeper than 50'),
        ('<a' + ' b="c"' * 2 + '/>', 'duplicate attribute'),
        ('<a>&x;</a>', 'undefined entity'),
    ],
)
def test_xml(tmp_path, text, message):
    assert message in refused(read_hand_object_xml, tmp_path / 'a.xml', text.encode())


def archive(members, **kwargs):
    file = io.BytesIO()
    with zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as target:
        for name, content in members:
            target.writestr(name, content, **kwargs)
    return file.getvalue()


@pytest.mark.filterwarnings('ignore:Duplicate name')
@pytest.mark.parametrize(
    'content, message',
    [
        (
            lambda: archive([('test.json', b'[' * (100 << 20))]),
            'unpacks to more than 30 times its size',
        ),
        (
            lambda: archive([('../test.json', b'{}')]),
            'expected test.json at the top of the archive, found ../test.json',
        ),
        (
            lambda: archive([('test.json', b'{}')] * 2),
            'expected test.json at the top of the archive, found test.json, test.json',
        ),
        (lambda: archive([('x' * 5000 + str(i), b'') for i in range(9)]), 'and 4 more'),
        (lambda: b'{"a": ' + b'[],' * 10**6, 'it has more brackets than scores'),
        (lambda: b'{"version": ' + b'9' * 10**6 + b'}', ''),
    ],
)
def test_submissions(tmp_path, content, message):
    assert message in refused(
        check_submission,
        tmp_path / 's.zip' if content()[:1] == b'P' else tmp_path / 's.json',
        content(),
    )


def test_large_values_are_bounded_in_messages(tmp_path):
    text = (
        '{"version": "'
        + 'v' * 10**6
        + '", "challenge": 1, "sls_pt": 1, "sls_tl": 1, "sls_td": 1, "results": {}}'
    )
    assert 'version must be' in refused(check_submission, tmp_path / 's.json', text.encode())
