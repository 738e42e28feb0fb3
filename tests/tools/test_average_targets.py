"""``tools/targets.py`` on signals of schema 2, and ``average``."""

import json
from pathlib import Path

import numpy as np
import pytest

from egoexo_mm.targets import Manifest, StoreWriter, TargetStore
from egoexo_mm.targets.store.listed_videos import listed_paths
from tests.scripts import load_script
from tests.targets.stores import box_store, fail, raw_store

ABOUT = dict(dataset='toy', teacher='t')
CLIPS = Manifest(signal='step', score_kind='logits', num_scores=2, video_id='path', **ABOUT)
STEPS = Manifest(signal='step', score_kind='logits', num_scores=2, row='segment', **ABOUT)
CLIP = Manifest(signal='clip', score_kind='embedding', num_scores=2, **ABOUT)
TOOLS = Manifest(signal='tools', kinds=['knife', 'gaze'], **ABOUT)


@pytest.fixture(scope='module')
def main():
    return load_script('tools/targets.py').main


def name(take, start, camera):
    return f'train/{take}/start{start}_{camera}.mp4'


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Clips of three cameras of two segments; of the second only one was run."""
    monkeypatch.chdir(tmp_path)
    segments = [
        dict(
            segment_name_list=[name('a', start, camera) for camera in ('aria', 'cam01', 'cam02')],
            ego_segment_name=name('a', start, 'aria'),
            take_uid='uid-a',
            start_time=start,
            end_time=start + 4.5,
        )
        for start in (1.25, 7.0, 20.0)
    ]
    Path('steps.json').write_text(json.dumps(dict(segments=segments)))
    scores = {(1.25, 'aria'): [9, 0], (1.25, 'cam01'): [1, 2], (1.25, 'cam02'): [2, 7]}
    with StoreWriter('clips', CLIPS) as writer:
        for (start, camera), row in {**scores, (7.0, 'cam02'): [5, 6]}.items():
            writer.add_scores(name('a', start, camera).removesuffix('.mp4'), row)
    return tmp_path


def test_mean_over_the_cameras(folder, main, capsys):
    assert main(['average', 'clips', 'out', '--segments', 'steps.json']) == 0
    assert capsys.readouterr().out.splitlines()[-1] == (
        'out: 2 segments, 5 videos had no row, 1 segments had none at all'
    )
    store = TargetStore('out')
    assert store.segments('uid-a').tolist() == [[1.25, 5.75], [7, 11.5]]
    assert store.scores('uid-a', (2, 3)).tolist() == [4, 3]
    assert store.scores('uid-a', (8, 9)).tolist() == [5, 6]
    assert store.manifest.notes == 'mean over all cameras of steps.json'
    failed = json.loads(Path('out/failed.jsonl').read_text())
    assert failed['reason'] == "segment 'uid-a', 20 to 24.5 s: none of its videos has a row"
    assert main(['average', 'clips', 'exo', '--segments', 'steps.json', '--views', 'exo']) == 0
    assert TargetStore('exo').scores('uid-a', (2, 3)).tolist() == [1.5, 4.5]


def test_mean_by_a_table(folder, main):
    clips = [name('a', 1.25, camera).removesuffix('.mp4') for camera in ('cam01', 'cam02')]
    lines = ['video_id,segment_of,start,stop', *(f'{clip},whole,0,00:00:02.5' for clip in clips)]
    Path('table.csv').write_text('\n'.join(lines))
    assert main(['average', 'clips', 'out', '--segments', 'table.csv']) == 0
    store = TargetStore('out')
    assert store.segments('whole').tolist() == [[0, 2.5]]
    assert store.scores('whole', (0, 1)).tolist() == [1.5, 4.5]


def test_average_refuses(folder, main, capsys):
    box_store(folder / 'boxes')
    assert main(['average', 'clips', 'out', '--segments', 'steps.json']) == 0
    Path('x.csv').write_text('video_id,segment_of,start,stop\nx,y,0,1\n')
    for source, table, message in (
        ('boxes', 'steps.json', 'boxes: holds boxes; give a store of scores'),
        ('out', 'steps.json', 'out: holds segments; give a store of scores'),
        ('clips', 'x.csv', "clips: no video of the list has a row, for example 'x'; the ids of"),
        ('clips', 'steps.json', 'out: exists already; delete it'),
    ):
        capsys.readouterr()
        assert main(['average', source, 'out', '--segments', table]) == 1
        assert message in capsys.readouterr().err


def test_clips_of_a_keystep_file_are_a_list(folder):
    found = listed_paths('steps.json')
    assert len(found) == 9 and found[1] == name('a', 1.25, 'cam01')
    Path('bad.json').write_text('{"segments": [{"take": 1}]}')
    with pytest.raises(
        ValueError, match='bad.json: expected "segments" with a "segment_name_list"'
    ):
        listed_paths('bad.json')


def steps(path, *spans, video='v'):
    with StoreWriter(path, STEPS) as writer:
        for i, (start, stop) in enumerate(spans):
            writer.add_scores(video, [i, 0], span=(start, stop), num_frames=90)
    return path


def lines_of(main, capsys, *argv, code=0):
    capsys.readouterr()
    assert main([str(arg) for arg in argv]) == code
    return capsys.readouterr().out.splitlines()


def test_info_and_head_of_segments(folder, main, capsys):
    steps('s', (0, 2), (2, 6), (6, 7))
    fail(folder / 's', 'v', 'w')
    megabytes = next(Path('s').glob('*.arrow')).stat().st_size / 1e6
    found = lines_of(main, capsys, 'info', 's')
    assert not [line for line in found if 'frames' in line]
    assert [line for line in found if 'seg' in line or 'videos:' in line or 'failed' in line] == [
        '  row: segment',
        f'  segments: 3 in 1 shard(s), {megabytes:.1f} MB',
        '  videos: 1',
        '  seconds of a segment: mean 2.333, from 1 to 4',
        '  failed.jsonl: 1 video(s) without a row (and 1 that have a row after all)',
    ]
    assert lines_of(main, capsys, 'head', 's', '-n', '2') == [
        'v: 90 frames, unknown fps, unknown size',
        '  0 to 2 s: 0: 0 (50.0 %), 1: 0 (50.0 %)',
        '  2 to 6 s: 0: 1 (73.1 %), 1: 0 (26.9 %)',
        '  and 1 more segments',
    ]


def test_info_and_head_of_embeddings_and_kinds(folder, main, capsys):
    with StoreWriter('clip', CLIP) as writer:
        writer.add_scores('v', [3, 4])
        writer.add_scores('w', [0, 1])
    assert '  lengths of the embeddings: mean 3, from 1 to 5' in lines_of(
        main, capsys, 'info', 'clip'
    )
    assert lines_of(main, capsys, 'head', 'clip', '-n', 1)[1] == '  length 5, 3, 4'
    with StoreWriter('tools', TOOLS) as writer:
        writer.add_detections('v', frame=[0], box=[[0, 0, 1, 1]], score=[0.5], kind=[1])
    found = lines_of(main, capsys, 'info', 'tools')
    assert '  kinds: 2: knife, gaze' in found and '  boxes: 1, 0 knife and 1 gaze' in found
    assert lines_of(main, capsys, 'head', 'tools')[-1].startswith('    gaze 0.500 at 0.000')
    named = Manifest(
        signal='act', score_kind='scores', num_scores=2, classes=['cut', 'stir'], **ABOUT
    )
    with StoreWriter('act', named) as writer:
        writer.add_scores('v', [0.25, 7])
    assert lines_of(main, capsys, 'head', 'act')[-1] == '  stir: 7, cut: 0.25'


def test_verify_segments(folder, main, capsys):
    steps('s', (0, 2), (2, 6))
    Path('list.txt').write_text('v.mp4\nw.mp4\n')
    assert lines_of(main, capsys, 'verify', 's')[-1] == 's: 2 segments in 1 shard(s), nothing wrong'
    found = lines_of(main, capsys, 'verify', 's', '--list', 'list.txt', code=1)
    assert found[-1].startswith('s: 1 of 2 listed videos have no row')
    good = dict(video_id='v', start=0.0, stop=2.0)
    raw_store(
        folder / 'bad',
        STEPS,
        [good, dict(good, stop=0.0), dict(good, start=3.0, stop=np.inf)],
        [good, dict(good, stop=3.0)],
    )
    found = lines_of(main, capsys, 'verify', 'bad', code=1)
    assert [line.partition('.arrow: ')[2] for line in found if '.arrow: ' in line] == [
        "video 'v': the segment is 0 to 0 s; expected a start from 0 on and a later stop, in "
        'seconds of the video',
        "video 'v': the segment is 3 to inf s; expected a start from 0 on and a later stop, in "
        'seconds of the video',
        "segment 'v', 0 to 2 s is a second time in the store, the first is in shard-0.arrow; "
        'delete one of the two shards and run the writer again',
    ]


def test_merge_segments(folder, main, capsys):
    steps('one', (0, 2), (2, 6)), steps('two', (6, 7)), steps('three', (2, 6), (8, 9))
    assert lines_of(main, capsys, 'merge', 'one', 'two', 'out')[-1] == 'out: 3 segments'
    assert TargetStore('out').segments('v').tolist() == [[0, 2], [2, 6], [6, 7]]
    lines_of(main, capsys, 'merge', 'out', 'three', 'more', code=1)
    found = lines_of(main, capsys, 'merge', 'out', 'three', 'more', '--keep', 'first')
    assert found[-1] == 'more: 4 segments, 1 rows left out as double'
    assert TargetStore('more').scores('v', (3, 4)).tolist() == [1, 0]


def test_what_is_not_drawn_or_ranked(folder, main, capsys):
    steps('s', (0, 2))
    with StoreWriter('clip', CLIP) as writer:
        writer.add_scores('v', [3, 4])
    Path('v.mp4').touch()
    for store, what in (('s', 'segments of videos'), ('clip', 'embeddings')):
        capsys.readouterr()
        assert main(['rank', store, '.', '--videos', '.']) == 1
        assert f'holds {what}, which are not drawn or ranked; look at them with' in (
            capsys.readouterr().err
        )
