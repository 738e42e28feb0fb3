"""The tool ``predict``: what it prints and writes, and its exit codes."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pyarrow.parquet as pq
import pytest

from egoexo_mm.commands import predict
from egoexo_mm.inference import FeatureFile, PredictionFiles
from egoexo_mm.inference.camera import camera_windows, is_camera
from tests.inference import cases
from tests.media import noise_video


@pytest.fixture(scope='module')
def case(tmp_path_factory):
    root = tmp_path_factory.mktemp('predict')
    found = cases.kinetics(root, num_videos=2, num_frames=30)
    (root / 'names.txt').write_text('cut onion\npeel onion\n')
    return found


@pytest.fixture
def run(case):
    def call(*args, code=0):
        options = ['--config', case.config, '--checkpoint', case.checkpoint, '--device', 'cpu']
        names = ['--classes', str(case.root / 'names.txt')]
        assert predict.main([*map(str, args), *options, *names]) == code

    return call


def read_rows(path):
    with open(path, newline='') as file:
        return list(csv.DictReader(file))


def test_a_folder_to_all_files(case, run, tmp_path, capsys):
    videos = tmp_path / 'videos'
    videos.mkdir()
    for name in ('clip_0.mp4', 'clip_1.mp4'):
        (videos / name).symlink_to(case.root / 'videos' / name)
    (videos / 'broken.mp4').write_bytes(b'no video')
    out = tmp_path / 'out'
    run(videos, '--out', out, '--features', tmp_path / 'f.parquet', '--scores', code=1)
    printed = capsys.readouterr()
    assert printed.out.count('cut onion') == 2 and str(videos / 'clip_1.mp4') in printed.out
    lines = printed.err.splitlines()
    assert any(line.startswith('predicted: 2/3') for line in lines)
    assert lines[-2].startswith(f'predict: error: {videos / "broken.mp4"}: ')
    assert lines[-1] == (f'predict: 1 of 3 inputs failed, listed in {out / "failed.jsonl"}')
    rows = [json.loads(line) for line in open(out / 'predictions.jsonl')]
    assert [Path(row['video']).name for row in rows] == ['clip_0.mp4', 'clip_1.mp4']
    table = read_rows(out / 'predictions.csv')
    assert [(row['kind'], row['rank']) for row in table] == [('label', '1'), ('label', '2')] * 2
    assert float(table[0]['score']) == max(np.round(rows[0]['scores'], 6))
    (failed,) = map(json.loads, open(out / 'failed.jsonl'))
    assert (failed['video_id'], failed['path']) == ('broken', str(videos / 'broken.mp4'))
    features = pq.read_table(tmp_path / 'f.parquet').to_pydict()
    assert features['video'] == [row['video'] for row in rows]
    assert np.shape(features['feature']) == (2, 144) and features['end'] == [1.0, 1.0]
    assert not (out / 'timeline.csv').exists()


def test_windows_have_a_timeline(case, run, tmp_path, capsys):
    video = case.root / 'videos' / 'clip_0.mp4'
    run(video, '--window', 0.25, '--out', tmp_path, '--features', tmp_path / 'f.npz')
    spans = read_rows(tmp_path / 'timeline.csv')
    assert sum(int(span['windows']) for span in spans) == 4
    assert spans[0]['start'] == '0.0' and spans[-1]['end'] == '1.0'
    assert spans[0]['name'] in capsys.readouterr().out
    features = np.load(tmp_path / 'f.npz')
    assert features['start'].tolist() == [0, 0.25, 0.5, 0.75]
    assert features['feature'].shape == (4, 144)
    assert set(features['video'].tolist()) == {str(video)}


def test_earlier_files_are_kept(tmp_path, capsys):
    for text in ('first', 'second'):
        with PredictionFiles(tmp_path, windows=text == 'first') as files:
            files.add(dict(video=text, start=0, end=1))
            files.fail(text, text, 'broken')
        (tmp_path / 'predictions.2.csv').touch()  # so 2 is taken
    PredictionFiles(tmp_path).__exit__()
    written = {path.name: path.read_text() for path in tmp_path.iterdir()}
    for number, text in ((1, 'first'), (3, 'second')):
        assert f'"{text}"' in written[f'predictions.{number}.jsonl']
        assert f'"{text}"' in written[f'failed.{number}.jsonl']
    assert written['predictions.jsonl'] == '' and 'failed.jsonl' not in written
    assert 'timeline.1.csv' in written and 'timeline.3.csv' not in written
    assert capsys.readouterr().err.splitlines()[1] == (
        f'{tmp_path}: earlier predictions are now predictions.3.jsonl, predictions.3.csv, '
        'failed.3.jsonl'
    )


def test_names_that_are_not_utf_8(tmp_path):
    row = dict(video='caf\udce9.mp4', start=0, end=1, labels=[dict(id=0, name='é', score=0.5)])
    with PredictionFiles(tmp_path, windows=True) as files:
        files.add(row)
        files.end_video([row])
    assert json.loads((tmp_path / 'predictions.jsonl').read_text()) == row
    assert read_rows(tmp_path / 'timeline.csv')[0]['video'] == r'caf\udce9.mp4'
    with FeatureFile(tmp_path / 'f.parquet') as features:
        features.add(row, np.zeros(2))
    assert pq.read_table(tmp_path / 'f.parquet')['video'].to_pylist() == [r'caf\udce9.mp4']


def test_failures_of_training_are_not_touched(case, run, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(predict, '_inferencer', None)
    (tmp_path / 'failed.jsonl').write_text('{}')
    run(case.root / 'videos', '--out', tmp_path, code=1)
    assert f'{tmp_path}/failed.jsonl is of another run' in capsys.readouterr().err
    with pytest.raises(ValueError, match='is of another run'):
        PredictionFiles(tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ['failed.jsonl']


def test_a_list_on_standard_input(case, run, capsys, monkeypatch):
    listed = f'{case.root}/videos/clip_1.mp4 0\n{case.root}/videos/clip_0.mp4 1\n'.encode()
    monkeypatch.setattr(sys, 'stdin', io.TextIOWrapper(io.BytesIO(listed)))
    run('-', '--top-k', 1, '--workers', 0)
    out = capsys.readouterr().out
    assert out.index('clip_1.mp4') < out.index('clip_0.mp4') and len(out.splitlines()) == 4


def test_drawing_without_maps_says_why(case, run, tmp_path, capsys):
    from egoexo_mm.checkpoints.stripping import strip

    plain = tmp_path / 'plain.pth'
    strip(Path(case.checkpoint), plain)
    video = case.root / 'videos' / 'clip_0.mp4'
    options = ['--config', case.config, '--checkpoint', str(plain), '--draw', str(tmp_path)]
    assert predict.main([str(video), *options, '--draw-stride', '10', '--quiet']) == 0
    printed = capsys.readouterr()
    assert f'{plain} has no weights of aux_heads.interaction_map' in printed.err
    assert 'drawing labels only' in printed.err
    assert printed.out == f'wrote {tmp_path / "clip_0"}.mp4 and .png\n'


def test_a_file_stands_in_for_a_camera(case, run, tmp_path, capsys, monkeypatch):
    video = noise_video(tmp_path / 'camera.mp4', seed=3, num_frames=25, fps=10)
    windows = list(camera_windows(str(video), window=1.0, stride=0.5))
    assert [(w.seconds_before, len(w.frames)) for w in windows] == [
        (0, 10),
        (0.5, 10),
        (1, 10),
        (1.5, 10),
    ]
    monkeypatch.setattr('egoexo_mm.inference.camera.is_camera', lambda name: name == str(video))
    run(video, '--window', 1, '--stride', 0.5, '--out', tmp_path / 'out')
    (span,) = read_rows(tmp_path / 'out' / 'timeline.csv')  # merged, as that of a video is
    assert (span['start'], span['end'], span['windows']) == ('0.0', '2.5', '4')
    lines = capsys.readouterr().out.splitlines()
    assert [line[:15] for line in lines] == [
        '0:00.0 - 0:01.0',
        '0:00.5 - 0:01.5',
        '0:01.0 - 0:02.0',
        '0:01.5 - 0:02.5',
    ]
    assert all('cut onion 0.' in line for line in lines)
    # the windows of the file are those of the camera
    run(video, '--window', 1, '--out', tmp_path / 'file', '--quiet', '--workers', 0)
    live, file = (
        [json.loads(line) for line in open(tmp_path / name / 'predictions.jsonl')]
        for name in ('out', 'file')
    )
    assert [row['labels'] for row in live[::2]] == [row['labels'] for row in file[:2]]


@pytest.mark.parametrize('shows', [True, False])
def test_a_camera_that_opencv_5_cannot_show(tmp_path, monkeypatch, shows):
    said = []
    monkeypatch.setattr('egoexo_mm.inference.camera.shows_interlaced', lambda: shows)
    monkeypatch.setattr('egoexo_mm.inference.camera.say', lambda key, text: said.append(text))
    moving = noise_video(tmp_path / 'moving.mp4', seed=3, num_frames=6, fps=10)
    list(camera_windows(str(moving), window=0.5))
    assert not said
    still = cv2.VideoWriter(str(moving), cv2.VideoWriter_fourcc(*'mp4v'), 10, (32, 32))
    for _ in range(6):
        still.write(np.zeros((32, 32, 3), np.uint8))
    still.release()
    list(camera_windows(str(moving), window=0.5))
    assert len(said) == (not shows) and all('opencv-python<5' in text for text in said)


def test_a_camera_is_known_by_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert is_camera('0') and is_camera('rtsp://host/stream') and not is_camera('clip.mp4')
    Path('7').write_bytes(b'')
    assert not is_camera('7')


@pytest.mark.parametrize(
    'args, message',
    [
        (['a.mp4', '--stride', '1'], '--stride goes with --window'),
        (['0'], 'a camera is predicted alone, with --window'),
    ],
)
def test_arguments_that_contradict(run, capsys, args, message):
    with pytest.raises(SystemExit) as error:
        run(*args)
    assert error.value.code == 2 and message in capsys.readouterr().err


def test_errors_are_one_line(case, run, tmp_path, capsys):
    run(case.root, '--features', tmp_path / 'f.csv', code=1)
    expected = "predict: error: the ending of the file of features must be '.npz' or '.parquet'"
    assert capsys.readouterr().err.startswith(expected)
    run('0123456789', '--window', 1, code=1)
    assert 'camera 0123456789: does not open' in capsys.readouterr().err


def test_drawing_over_an_input_is_refused_before_the_model(case, run, capsys, monkeypatch):
    monkeypatch.setattr(predict, '_inferencer', None)
    videos = case.root / 'videos'
    run(videos, '--draw', videos, code=1)
    assert f'{videos / "clip_0.mp4"} is an input, and drawing' in capsys.readouterr().err


@pytest.mark.slow
@pytest.mark.parametrize('start', [['tools/predict.py'], ['-m', 'egoexo_mm', 'predict']])
def test_as_a_program(case, tmp_path, start):
    root = Path(__file__).parents[2]
    video = str(case.root / 'videos' / 'clip_0.mp4')
    options = ['--config', case.config, '--checkpoint', case.checkpoint, '--draw', str(tmp_path)]
    done = subprocess.run(
        [sys.executable, *start, video, *options],
        cwd=root,
        capture_output=True,
        text=True,
        check=True,
    )
    assert 'class 0' in done.stdout and (tmp_path / 'clip_0.mp4').exists()
