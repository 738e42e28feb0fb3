"""Detections made elsewhere by command line."""

import os

import pytest

from egoexo_mm.targets import TargetStore
from tests.targets.conversion import test_video_boxes as files
from tests.tools.test_convert_targets import main, one_error  # noqa: F401  (main is a fixture)


@pytest.fixture
def made(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    files.save(tmp_path / 'a.json', files.COCO)
    files.save(tmp_path / 'r.json', files.RESULTS)
    files.save(tmp_path / 'hands23.json', files.HANDS23)
    files.save(tmp_path / 'fho.json', files.FHO)
    files.save(tmp_path / 'clips.json', files.fho_clips(('clip', 60, 360)))
    files.helping(tmp_path, files.clip())
    (tmp_path / 'visor').mkdir()
    files.save(tmp_path / 'visor/P01_01.json', files.VISOR)
    files.save(tmp_path / 'map.json', files.MAPPING)
    (tmp_path / 't.csv').write_text('\n'.join([files.HEADER, *files.ROWS]))
    return tmp_path


COMMANDS = dict(
    coco=('coco r.json out --annotations a.json --dataset d', ['v1', 'v2'], 'd'),
    hands23=(
        'hands23 hands23.json out --frame-size 1000x500 --dataset d',
        ['EK_0028_P12_101'],
        'd',
    ),
    helping=('helping-hands boxes.pth out', ['uid'], 'egoclip'),
    chunks=('helping-hands boxes.pth out --chunks', ['uid/1'], 'egoclip'),
    fho=('ego4d-fho fho.json out --hold 5', ['uid'], 'ego4d'),
    clips=('ego4d-fho clips.json out --clips', ['clip'], 'ego4d'),
    visor=('visor visor out --frame-mapping map.json', ['P01_01'], 'epic100'),
    table=('table t.csv out --dataset d --threshold 0.5', ['v', 'w'], 'd'),
)


@pytest.mark.parametrize('kind', COMMANDS)
def test_commands(made, main, capsys, kind):  # noqa: F811
    command, videos, dataset = COMMANDS[kind]
    assert main(command.split()) == main(command.split()) == 0
    lines = capsys.readouterr().out.splitlines()
    n = len(videos)
    assert f'out: {n} videos written, 0 were there already' in lines
    assert lines[-1] == f'out: 0 videos written, {n} were there already'
    store = TargetStore('out')
    assert (store.video_ids, store.manifest.dataset) == (videos, dataset)
    assert store.manifest.signal == 'interaction' and store.manifest.teacher


def test_first_frame(made, main):  # noqa: F811
    assert main([*COMMANDS['coco'][0].split(), '--first-frame', '0']) == 0
    assert TargetStore('out').detection_frames('v1').tolist() == [1, 3]


def test_ids_of_whole_paths(made, main, capsys):  # noqa: F811
    """Takes of several cameras: the message's pattern tells them apart."""
    images = [
        dict(id=i, file_name=f'take{i}/cam01/000001.jpg', width=100, height=100) for i in (1, 2)
    ]
    files.save(made / 'a.json', dict(files.COCO, images=images))
    files.save(made / 'r.json', [dict(files.RESULTS[0], image_id=2, bbox=[0, 0, 9, 9])])
    command = COMMANDS['coco'][0].split()
    assert main(command) == 1
    message = one_error(capsys)
    pattern = message.partition("--names '")[2].partition("'")[0]
    assert main([*command, '--names', pattern]) == 0
    store = TargetStore('out')
    assert store.manifest.video_id == 'path'
    assert sorted(store.video_ids) == ['take1/cam01', 'take2/cam01']
    assert len(store.detection_frames('take2/cam01')) and not len(
        store.detection_frames('take1/cam01')
    )


def test_bad_files(made, main, capsys):  # noqa: F811
    files.save(made / 'r.json', files.changed(files.RESULTS, 1, 'score', 2))
    assert main(COMMANDS['coco'][0].split()) == 1
    assert one_error(capsys) == (
        'convert_targets: error: r.json, [1]: score is 2, expected 0 to 1; correct or remove the '
        'row'
    )
    assert not os.path.exists('out')
    (made / 'visor/P02_01.json').write_text('{}')
    assert main(['visor', 'visor', 'out', '--skip-bad']) == 1
    assert '1 bad file(s) left out, listed in out/failed.jsonl' in one_error(capsys)
    assert TargetStore('out').video_ids == ['P01_01']


@pytest.mark.parametrize(
    'command',
    [
        'coco r.json out --annotations a.json',
        'coco r.json out --annotations a.json --dataset d --names (',
        'table t.csv out --dataset d --threshold 2',
        'table t.csv out --dataset d --fps -1',
        'visor visor out --hold -1',
        'hands23 hands23.json out --dataset d',
    ],
)
def test_usage_errors(made, main, command, capsys):  # noqa: F811
    with pytest.raises(SystemExit) as caught:
        main(command.split())
    assert caught.value.code == 2 and not os.path.exists('out')
