import json

import pytest

from egoexo_mm.targets import Manifest, TargetStore, TargetStoreError, video_id_from_path


@pytest.mark.parametrize(
    'path, rule, expected',
    [
        ('abseiling/a.b.mp4', 'stem', 'a.b'),
        ('/data/abseiling/name', 'stem', 'name'),
        ('x\\y\\v1.mkv', 'stem', 'v1'),
        ('.hidden', 'stem', '.hidden'),
        ('abseiling/a.b.mp4', 'path', 'abseiling/a.b'),
        ('x\\y\\v1.mkv', 'path', 'x/y/v1'),
        ('./x.y/v1', 'path', 'x.y/v1'),
    ],
)
def test_video_id_from_path(path, rule, expected):
    assert video_id_from_path(path, rule) == expected


def test_unknown_id_rule():
    with pytest.raises(TargetStoreError, match="rule 'name' is unknown: use one of"):
        video_id_from_path('a.mp4', 'name')


def test_manifest_defaults_and_kind():
    ego = Manifest(signal='ego_score', dataset='k400', teacher='t', score_kind='logits')
    assert (ego.kind, ego.num_scores, ego.schema_version, ego.video_id) == ('scores', 2, 1, 'stem')
    objects = Manifest(signal='object_score', dataset='k400', teacher='t', score_kind='logits')
    assert objects.num_scores == 1000
    assert Manifest(signal='interaction', dataset='k400', teacher='t').kind == 'detections'


@pytest.mark.parametrize(
    'fields, message',
    [
        (dict(signal='ego'), "signal is 'ego': expected one of"),
        (dict(signal='ego_score'), 'score_kind is None: expected one of'),
        (dict(signal='ego_score', score_kind='logits', num_scores=0), 'num_scores is 0'),
        (dict(signal='interaction', score_kind='logits'), 'holds boxes: leave them out'),
        (dict(signal='interaction', video_id='uid'), "video_id is 'uid'"),
        (dict(signal='interaction', teacher=None), 'teacher is None: expected a string'),
    ],
)
def test_manifest_refuses(fields, message):
    with pytest.raises(TargetStoreError, match=message):
        Manifest(**{'dataset': 'k400', 'teacher': 't', **fields})


def test_no_folder_and_no_manifest(tmp_path):
    with pytest.raises(TargetStoreError, match='nowhere: no such target store folder; extract or'):
        TargetStore(tmp_path / 'nowhere')
    with pytest.raises(TargetStoreError, match='not a target store, it has no manifest.json'):
        TargetStore(tmp_path)


@pytest.mark.parametrize(
    'text, message',
    [
        ('{"signal": ', r'manifest.json: not valid JSON \(.*\); restore the file'),
        ('[1]', 'manifest.json: expected a JSON object, found list'),
        (
            '{"schema_version": 3}',
            'schema version 3, but this egoexo_mm reads versions 1 and 2; install',
        ),
        ('{}', 'schema version None, but'),
        (
            '{"schema_version": 1, "signal": "interaction"}',
            r"missing field\(s\) \['dataset', 'teacher",
        ),
        (
            '{"schema_version": 1, "signal": "interaction", "dataset": "k", "teacher": "t", '
            '"fsp": 3}',
            r"unknown field\(s\) \['fsp'\]; expected fields are",
        ),
        (
            '{"schema_version": 1, "signal": "interact", "dataset": "k", "teacher": "t"}',
            "manifest.json: signal is 'interact': expected one of",
        ),
    ],
)
def test_bad_manifest_file(tmp_path, text, message):
    (tmp_path / 'manifest.json').write_text(text)
    with pytest.raises(TargetStoreError, match=message):
        TargetStore(tmp_path)


def test_json_round_trip(tmp_path):
    manifest = Manifest(
        signal='interaction',
        dataset='k400',
        teacher='detector',
        weights_sha256='ab',
        frame_size=(512, 288),
        fps=30.0,
        notes='n',
    )
    (tmp_path / 'manifest.json').write_text(manifest.to_json())
    assert 'score_kind' not in json.loads(manifest.to_json())
    assert TargetStore(tmp_path).manifest == manifest


def test_settings_in_the_notes():
    """They are text for people; compared are those that both manifests name."""
    plain = Manifest('interaction', 'k400', 'detector', notes='frames: every 4 frames')
    named = plain.with_settings(dict(reach=0.25, long=None, excluded=['dining table', 'bed']))
    assert named.notes == (
        'frames: every 4 frames; reach = 0.25; long = None; excluded = dining table, bed'
    )
    assert named.settings == dict(reach='0.25', long='None', excluded='dining table, bed')
    assert plain.settings == {} and plain.with_settings({}) == plain
    other = plain.with_settings(dict(reach=0.5, excluded=('dining table', 'bed')))
    assert named.differences(other) == ["reach is '0.25', not '0.5'"]
    assert named.differences(plain) == plain.differences(named) == []  # of an earlier release
    whole = plain.with_settings(dict(reach=1)), plain.with_settings(dict(reach=1.0))
    assert whole[0].differences(whole[1]) == []
    frames = Manifest('interaction', 'k400', 'detector').with_settings(dict(reach=0.25))
    assert named.differences(frames) == ["notes is 'frames: every 4 frames', not None"]
