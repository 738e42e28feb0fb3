"""10,000 mutated files of each format: no signal, no hang, at most 300 MB, and one clear message.

``EGOEXO_FUZZ_SEED`` chooses the seed (printed with the counts), ``EGOEXO_FUZZ_COUNT`` the number of
files.
"""

import io
import json
import os
import pickle
import shutil
import struct
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

import mutations
import numpy as np
import pytest
import sandbox
import torch
from mmengine.evaluator import DumpResults
from mmengine.logging import HistoryBuffer

from egoexo_mm.checkpoints.writing import write_checkpoint
from egoexo_mm.compat import checkpoints
from egoexo_mm.datasets import readers
from egoexo_mm.datasets.annotations import read_json_rows, read_table
from egoexo_mm.datasets.annotations.hand_object_xml import read_hand_object_xml
from egoexo_mm.evaluation.dumps import read_dump
from egoexo_mm.evaluation.epic_submission import Scores, write_submission
from egoexo_mm.evaluation.epic_submission_check import check_submission
from egoexo_mm.targets import TargetStore
from egoexo_mm.targets.conversion.epic_boxes import read_epic_boxes
from egoexo_mm.targets.conversion.frame_sizes import FrameSize
from egoexo_mm.targets.conversion.numpy_files import load_npy, load_pickle
from egoexo_mm.targets.conversion.released_boxes import read_boxes
from egoexo_mm.targets.inspection.verification import verify_store

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / 'targets'), str(ROOT / 'datasets')]
import hand_object_files  # noqa: E402
import stores  # noqa: E402

SEED = int(os.environ.get('EGOEXO_FUZZ_SEED', '20261127'))
COUNT = int(os.environ.get('EGOEXO_FUZZ_COUNT', '10000'))


@pytest.fixture(scope='module')
def folder():
    path = Path(tempfile.mkdtemp(dir='/dev/shm' if Path('/dev/shm').is_dir() else None))
    yield path
    shutil.rmtree(path)


def pickles(folder):
    frames = np.empty(2, dtype=object)
    frames[:] = [(None, np.ones((2, 10), np.float32)), (np.zeros((1, 6)), None)]
    value = {
        'a.mp4': np.float32([1, 2]),
        'b.mp4': [0.5, 0.25],
        'c': (1, 'x', {2, 3}, b'y', np.int64(4)),
        'd': frames,
    }
    return [pickle.dumps(value, protocol) for protocol in range(6)]


def object_arrays(folder):
    frames = np.empty(3, dtype=object)
    frames[:] = [
        (None, None),
        (np.full((1, 6), 5.0), np.float32([[1, 1, 5, 5, 0.9, 3, 0.01, 0.6, 0.8, 1]])),
        (None, None),
    ]
    files = []
    for value in (frames, np.arange(6.0).reshape(2, 3), np.array(['a', 'bc'])):
        file = io.BytesIO()
        np.save(file, value, allow_pickle=True)
        files.append(file.getvalue())
    return files


def tables(folder):
    return [path.read_bytes() for path in (ROOT / 'data' / 'epic_pickles').glob('*.pkl')]


def dumps(folder):
    metric = DumpResults(str(folder / 'd.pkl'))
    metric.process(
        None,
        [
            dict(
                pred_score=dict(verb=torch.ones(3), noun=torch.ones(2, 2)[:, 0]),
                narration_id='P01_01_0',
            )
        ],
    )
    metric.evaluate(1)
    return [(folder / 'd.pkl').read_bytes()]


def checkpoint_files(folder):
    history = HistoryBuffer()
    history.update(1.0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))
    value = dict(
        state_dict=model.state_dict(),
        meta=dict(epoch=1, counts=np.array([1, 2]), log=history),
        optimizer=torch.optim.SGD(model.parameters(), 0.1, 0.9).state_dict(),
    )
    files = []
    for form in (True, False):
        file = io.BytesIO()
        torch.save(value, file, _use_new_zipfile_serialization=form)
        files.append(file.getvalue())
    return files


def safetensors_files(folder):
    weights = dict(a=torch.ones(2, 3), b=torch.zeros(0), c=torch.tensor(4), d=torch.ones(3).bool())
    write_checkpoint(dict(state_dict=weights, meta=dict(epoch=1)), folder / 'c.safetensors')
    return [(folder / 'c.safetensors').read_bytes()]


def shards(folder):
    found = []
    for make in (stores.ego_store, stores.box_store):
        path = (
            make(folder / make.__name__, range(2))
            if make is stores.ego_store
            else make(folder / make.__name__)
        )
        found.append([shard.read_bytes() for shard in sorted(path.glob('*.arrow'))])
    return found[0] + found[1]


def read_store(path, manifest):
    (path.parent / 'manifest.json').write_text(manifest.to_json())
    faults = verify_store(path.parent).faults
    store = TargetStore(path.parent)
    for name in store.video_ids:
        store.scores(name) if manifest.kind == 'scores' else store.detections(name, [4, 7])
    if faults:
        raise ValueError(' '.join(faults)[:300])


def messages(folder):
    box = b''.join(struct.pack('<Bf', 8 * i + 5, 0.25 * i) for i in range(1, 5))
    hand = (
        b'\x0a' + bytes([len(box)]) + box + b'\x15' + struct.pack('<f', 0.9) + b'\x18\x03\x28\x01'
    )
    frame = b'\x0a\x06P01_01\x10\x01\x1a' + bytes([len(hand)]) + hand
    return [pickle.dumps([frame]), pickle.dumps([frame], 2)]


def submissions(folder):
    rng = np.random.default_rng(0)
    write_submission(
        folder / 's.zip', Scores(['P01_11_0'], rng.normal(size=(1, 97)), rng.normal(size=(1, 300)))
    )
    with zipfile.ZipFile(folder / 's.zip') as archive:
        text = archive.read('test.json')
    return [(folder / 's.zip').read_bytes(), text, text[:900] + b'}}}}']


def json_rows(folder):
    return [
        json.dumps(
            dict(
                clips=[
                    dict(video_uid='a', clip_uid='b', start=1.5, stop=2, verb_label=3)
                    for _ in range(3)
                ]
            )
        ).encode()
    ]


def manifests(folder):
    return [manifest.to_json().encode() for manifest in (stores.EGO, stores.PROBS, stores.BOXES)]


def csvs(folder):
    return [b'narration_id,start,stop,label\nP01_01_0,00:00:01.5,00:00:02,3\n"P01,1",1,2.5,4\n']


def xmls(folder):
    return [
        hand_object_files.xml(
            hand_object_files.HAND, hand_object_files.FREE, hand_object_files.CUP
        ).encode()
    ]


def videos(folder):
    if shutil.which('ffmpeg') is None:
        pytest.skip('ffmpeg is missing')
    files = []
    for codec, name in (('libx264', 'v.mp4'), ('mpeg4', 'w.avi')):
        subprocess.run(
            [
                'ffmpeg',
                '-v',
                'error',
                '-y',
                '-f',
                'lavfi',
                '-i',
                'testsrc=size=32x32:rate=5:duration=1',
                '-c:v',
                codec,
                '-pix_fmt',
                'yuv420p',
                str(folder / name),
            ],
            check=True,
        )
        files.append((folder / name).read_bytes())
    return files


def every_row(rows):
    for row in rows:
        for name in row.fields:
            for read in (row.text, row.integer, row.seconds):
                try:
                    read(name)
                except ValueError as error:
                    assert len(str(error)) < 1000, error


def every_frame(path, reader):
    video = readers.READERS[reader](str(path))
    for _ in range(100):
        if video.read() is None:
            return


FORMATS = {  # good files, name of the file, reader
    'pickle': (pickles, 'x.pkl', load_pickle),
    'npy': (object_arrays, 'x.npy', load_npy),
    'boxes': (object_arrays, 'b.npy', lambda path: read_boxes(path, FrameSize(10, 10))),
    'table': (
        tables,
        't.pkl',
        lambda path: every_row(read_table(str(path), required=['video_id'])),
    ),
    'dump': (dumps, 'd.pkl', read_dump),
    'checkpoint': (checkpoint_files, 'c.pth', lambda path: checkpoints.load(path, 'cpu')),
    'safetensors': (
        safetensors_files,
        'c.safetensors',
        lambda path: checkpoints.load(path, 'cpu'),
    ),
    'shard_scores': (shards, 'scores/shard-0.arrow', lambda path: read_store(path, stores.EGO)),
    'shard_boxes': (shards, 'boxes/shard-0.arrow', lambda path: read_store(path, stores.BOXES)),
    'protobuf': (messages, 'P01_01.pkl', read_epic_boxes),
    'submission': (submissions, 'submission', check_submission),
    'json': (json_rows, 'a.json', lambda path: every_row(read_json_rows(str(path), 'clips'))),
    'manifest': (manifests, 'store/manifest.json', lambda path: TargetStore(path.parent)),
    'csv': (
        csvs,
        'a.csv',
        lambda path: every_row(read_table(str(path), required=['narration_id'])),
    ),
    'xml': (xmls, 'a.xml', read_hand_object_xml),
    'video_opencv': (videos, 'v.mp4', lambda path: every_frame(path, 'opencv')),
    'video_decord': (videos, 'v.mp4', lambda path: every_frame(path, 'decord')),
    'video_pyav': (videos, 'v.mp4', lambda path: every_frame(path, 'pyav')),
}


def fuzz(folder, name, count):
    make, file, read = FORMATS[name]
    (folder / name).mkdir()
    goods = make(folder / name)
    path = folder / name / file
    path.parent.mkdir(exist_ok=True)

    def reader(data):
        path.write_bytes(data)
        return read(path)

    inputs = list(mutations.mutants(goods, count, f'{SEED} {name}'))
    refusals = (ValueError, pickle.UnpicklingError, readers.BrokenVideoError)
    if name.startswith('video'):
        refusals += (
            MemoryError,
        )  # FFmpeg's word, with the path, on a table that it would not allocate
    outcomes = sandbox.run(reader, inputs, refusals)
    counts = Counter(outcome.kind for outcome in outcomes)
    seconds = max(outcome.seconds for outcome in outcomes)
    megabytes = max(outcome.megabytes for outcome in outcomes)
    print(f'{name}: seed {SEED}, {dict(counts)}, at most {seconds:.2f} s and {megabytes} MB')
    bad = {
        i: outcome
        for i, outcome in enumerate(outcomes)
        if outcome.kind not in ('accepted', 'refused')
        or len(outcome.text) > 1200
        or '\n' in outcome.text
    }
    assert counts['refused'] > count // 20
    assert not bad, f'seed {SEED}: {len(bad)} of {count}: ' + '\n'.join(
        f'{i}: {bad[i]}' for i in list(bad)[:8]
    )


@pytest.mark.slow
@pytest.mark.parametrize('name', FORMATS)
def test_mutated_files(folder, name):
    if name.startswith('video'):
        pytest.importorskip(readers.READERS[name.partition('_')[2]].module)
    fuzz(folder, name, COUNT)


@pytest.mark.parametrize(
    'name', ['pickle', 'table', 'dump', 'checkpoint', 'shard_boxes', 'submission', 'xml']
)
def test_a_few_mutated_files(tmp_path, name):
    fuzz(tmp_path, name, 100)
