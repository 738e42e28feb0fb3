"""From a dump to a submission of the EPIC-100 challenge, and the check of others' submissions."""

import json
import math
import pickle
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch

from egoexo_mm.datasets.annotations.dataframe_pickle import read_dataframe_pickle
from egoexo_mm.evaluation import epic_submission_check
from tests.scripts import load_script

PICKLES = Path(__file__).parents[1] / 'data/epic_pickles'
IDS = ['P01_11_0', 'P01_11_1', 'P33_05_7']


tool = load_script('tools/epic_submission.py')


def samples(ids=IDS):
    torch.manual_seed(0)
    return [
        dict(
            pred_score=dict(verb=torch.randn(97).softmax(0), noun=torch.randn(300).softmax(0)),
            gt_label=torch.tensor([-1, -1]),
            narration_id=name,
            participant_id=name[:3],
        )
        for name in ids
    ]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / 'd.pkl').write_bytes(pickle.dumps(samples()))
    (tmp_path / 'test.csv').write_text(
        'narration_id,participant_id\n' + ''.join(f'{name},{name[:3]}\n' for name in IDS)
    )
    return tmp_path


def run(capsys, *args):
    code = tool.main([str(arg) for arg in args])
    out, err = capsys.readouterr()
    assert (code == 0) == (err == '')
    return code, (err or out).strip()


def fails(capsys, *args):
    code, line = run(capsys, *args)
    assert code == 1 and line.startswith('epic_submission: error: ') and '\n' not in line
    return line.removeprefix('epic_submission: error: ')


def read(path):
    with zipfile.ZipFile(path) as archive:
        assert archive.namelist() == ['test.json']
        return json.loads(archive.read('test.json'))


def test_dump_becomes_a_submission_that_passes_its_own_check(folder, capsys):
    out, ann = folder / 'out', folder / 'test.csv'
    assert run(capsys, folder / 'd.pkl', '--out', out, '--annotation', ann) == (
        0,
        f'{out / "submission.zip"}: 3 segments, all of the annotation',
    )
    document = read(out / 'submission.zip')
    results = document.pop('results')
    assert document == dict(
        version='0.2', challenge='action_recognition', sls_pt=2, sls_tl=3, sls_td=4
    )
    assert list(results) == IDS
    for name, sample in zip(IDS, samples()):
        assert list(results[name]) == ['verb', 'noun']
        for kind, count in (('verb', 97), ('noun', 300)):
            assert list(results[name][kind]) == [str(number) for number in range(count)]
            scores = np.array(list(results[name][kind].values()))
            # the server's softmax gives the probabilities back
            np.testing.assert_allclose(
                np.exp(scores) / np.exp(scores).sum(), sample['pred_score'][kind], rtol=1e-5
            )
    assert [path.name for path in out.iterdir()] == ['submission.zip']
    assert run(capsys, '--check', out / 'submission.zip', '--annotation', ann)[1].endswith(
        'submission.zip: valid, 3 segments, all of the annotation'
    )
    (folder / 'plain.json').write_text(json.dumps(dict(document, results=results)))
    assert run(capsys, '--check', folder / 'plain.json')[1].endswith(
        'valid, 3 segments, not compared with an annotation (the test set has 13092)'
    )


def test_official_pickle_in_place_of_the_csv(folder, capsys):
    """``narration_id`` is its index, as in EPIC_100_test_timestamps.pkl."""
    pickled = PICKLES / 'index_pandas2.2.3_protocol5.pkl'
    ids = read_dataframe_pickle(pickled).index
    (folder / 'd.pkl').write_bytes(pickle.dumps(samples(ids)))
    assert run(capsys, folder / 'd.pkl', '--out', folder / 'out', '--annotation', pickled) == (
        0,
        f'{folder / "out/submission.zip"}: {len(ids)} segments, all of the annotation',
    )
    assert run(capsys, '--check', folder / 'out/submission.zip', '--annotation', pickled)[0] == 0
    (folder / 'd.pkl').write_bytes(pickle.dumps(samples(ids[1:])))
    assert ids[0] in fails(
        capsys, folder / 'd.pkl', '--out', folder / 'other', '--annotation', pickled
    )


def test_logits_go_in_as_they_are_and_levels_as_given(folder, capsys):
    logits = samples()
    logits[0]['pred_score']['verb'] = torch.linspace(-5, 9, 97)
    (folder / 'd.pkl').write_bytes(pickle.dumps(logits))
    run(
        capsys,
        folder / 'd.pkl',
        '--out',
        folder,
        '--score-kind',
        'logits',
        '--sls-pt',
        0,
        '--sls_tl',
        5,
        '--sls-td',
        1,
    )
    document = read(folder / 'submission.zip')
    assert [document[key] for key in ('sls_pt', 'sls_tl', 'sls_td')] == [0, 5, 1]
    scores = [float(np.float32(value)) for value in document['results'][IDS[0]]['verb'].values()]
    assert scores == torch.linspace(-5, 9, 97).tolist()  # float32, exactly


def test_zero_probability_stays_finite(folder, capsys):
    rows = samples()
    rows[0]['pred_score']['verb'] = torch.eye(97)[4]
    (folder / 'd.pkl').write_bytes(pickle.dumps(rows))
    run(capsys, folder / 'd.pkl', '--out', folder)
    verb = read(folder / 'submission.zip')['results'][IDS[0]]['verb']
    assert verb['4'] == 0 and verb['5'] == pytest.approx(math.log(1e-45))


def test_an_earlier_submission_is_kept_unless_forced(folder, capsys):
    (folder / 'submission.zip').write_text('old')
    assert 'submission.zip is there already; name another folder, or say --force' in fails(
        capsys, folder / 'd.pkl', '--out', folder
    )
    assert (folder / 'submission.zip').read_text() == 'old'
    assert run(capsys, folder / 'd.pkl', '--out', folder, '--force')[0] == 0
    assert len(read(folder / 'submission.zip')['results']) == 3


def spoil(change):
    rows = samples()
    change(rows)
    return rows


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (lambda rows: rows.pop(1), 'segments: 1 missing (first: P01_11_1); expected the 3 of'),
        (
            lambda rows: rows[2].update(narration_id='P99_01_0'),
            'segments: 1 missing (first: P33_05_7) and 1 not in the annotation (first: P99_01_0); '
            'expected the 3 of',
        ),
        (
            lambda rows: rows[2].update(narration_id=IDS[0]),
            'P01_11_0: the segment comes twice in the results',
        ),
        (
            lambda rows: rows[1].pop('narration_id'),
            'sample 1 has no narration_id; add it to meta_keys of PackActionInputs',
        ),
        (
            lambda rows: rows[1]['pred_score']['noun'].fill_(float('nan')),
            'P01_11_1: noun score NaN or infinite (1 such samples)',
        ),
        (
            lambda rows: rows[1]['pred_score'].update(verb=torch.ones(125) / 125),
            'P01_11_1: verb scores of shape (125,), expected one for each of the 97 verb classes '
            'of EPIC-100',
        ),
        (
            lambda rows: rows[1].update(pred_score=torch.ones(97)),
            'P01_11_1: expected pred_score with "verb" and "noun", got',
        ),
        (
            lambda rows: rows[1]['pred_score']['verb'].fill_(-3.0),
            'are no probabilities; say --score-kind logits',
        ),
    ],
)
def test_bad_dumps_write_nothing(folder, capsys, change, message):
    (folder / 'd.pkl').write_bytes(pickle.dumps(spoil(change)))
    line = fails(
        capsys, folder / 'd.pkl', '--out', folder / 'out', '--annotation', folder / 'test.csv'
    )
    assert line.startswith(f'{folder / "d.pkl"}: ') and message in line
    assert not (folder / 'out').exists()


@pytest.mark.parametrize(
    ('options', 'message'),
    [
        (
            ['--sls-td', '6'],
            'sls_td (supervision level, training data) must be a whole number from 0 to 5, got 6',
        ),
        (['--annotation', 'gone.csv'], 'gone.csv: cannot be read (No such file'),
    ],
)
def test_bad_options(folder, capsys, options, message):
    assert message in fails(capsys, folder / 'd.pkl', '--out', folder / 'out', *options)
    assert not (folder / 'out').exists()


@pytest.mark.parametrize(
    'args',
    [[], ['d.pkl'], ['--out', 'x'], ['d.pkl', '--check', 'x.zip'], ['--check', 'x', '--force']],
)
def test_bad_usage(args, capsys):
    with pytest.raises(SystemExit) as stop:
        tool.main(args)
    assert stop.value.code == 2


def valid():
    entry = dict(verb={str(i): 0.5 for i in range(97)}, noun={str(i): 1 for i in range(300)})
    return dict(
        version='0.2',
        challenge='action_recognition',
        sls_pt=2,
        sls_tl=3,
        sls_td=4,
        results={name: json.loads(json.dumps(entry)) for name in IDS},
    )


def edit(change):
    document = valid()
    change(document)
    return json.dumps(document)


@pytest.mark.parametrize(
    ('text', 'message'),
    [
        (edit(lambda d: d.update(version='0.1')), "version must be '0.2', got '0.1'"),
        (edit(lambda d: d.update(version=0.2)), "version must be '0.2', got 0.2"),
        (
            edit(lambda d: d.update(challenge='anticipation')),
            "challenge must be 'action_recognition', got 'anticipation'",
        ),
        (
            edit(lambda d: d.pop('sls_tl')),
            "lacks the key 'sls_tl'; schema 0.2 has version, challenge, sls_pt",
        ),
        (
            edit(lambda d: d.update(sls_tl=True)),
            'sls_tl (supervision level, training labels) must be a whole number from 0 to',
        ),
        (
            edit(lambda d: d.update(sls_pt=-1)),
            '(supervision level, pretraining) must be a whole number from 0 to 5, got -1',
        ),
        (
            edit(lambda d: d.update(results={})),
            'results must be an object with an entry for each segment',
        ),
        (
            edit(lambda d: d.update(results=[1])),
            'results must be an object with an entry for each segment',
        ),
        (edit(lambda d: d['results'].pop(IDS[2])), 'segments: 1 missing (first: P33_05_7)'),
        (
            edit(lambda d: d['results'].update(more=d['results'][IDS[0]])),
            'segments: 1 not in the annotation (first: more)',
        ),
        (
            edit(lambda d: d['results'][IDS[1]].pop('noun')),
            "segment 'P01_11_1': expected an object with verb and noun, got verb",
        ),
        (
            edit(lambda d: d['results'].update(P01_11_1=3)),
            "segment 'P01_11_1': expected an object with verb and noun, got something else",
        ),
        (
            edit(lambda d: d['results'][IDS[1]]['verb'].pop('96')),
            "segment 'P01_11_1': verb lacks class '96' (1 such); expected a score for each class "
            '"0" to "96"',
        ),
        (
            edit(lambda d: d['results'][IDS[1]]['verb'].update({'97': 0})),
            "verb has the unknown class '97' (1 such)",
        ),
        (
            edit(lambda d: d['results'][IDS[1]].update(verb=d['results'][IDS[0]]['noun'])),
            'verb has the classes of a noun',
        ),
        (edit(lambda d: d['results'][IDS[1]].update(verb=[0.1] * 97)), 'verb must be an object'),
        (
            edit(lambda d: d['results'][IDS[1]]['noun'].update({'7': float('nan')})),
            "segment 'P01_11_1': noun score of class 7 is nan, expected a finite number",
        ),
        (
            edit(lambda d: d['results'][IDS[1]]['noun'].update({'7': float('-inf')})),
            'noun score of class 7 is -inf',
        ),
        (
            edit(lambda d: d['results'][IDS[1]]['noun'].update({'7': '0.5'})),
            "noun score of class 7 is '0.5'",
        ),
        (
            edit(lambda d: d['results'][IDS[1]]['noun'].update({'7': True})),
            'noun score of class 7 is True',
        ),
        (
            edit(lambda d: d['results'][IDS[1]]['noun'].update({'7': 10**400})),
            'noun score of class 7 is 1000',
        ),
        (
            json.dumps(valid()).replace('"P33_05_7"', '"P01_11_0"'),
            "segment 'P01_11_0' comes twice in results",
        ),
        (
            json.dumps(valid()).replace('"1": 0.5', '"0": 0.5', 1),
            "segment 'P01_11_0': verb class '0' comes twice",
        ),
        (
            json.dumps(valid()).replace('"noun":', '"verb":', 1),
            "segment 'P01_11_0': key 'verb' comes twice",
        ),
        (
            json.dumps(valid()).replace('"sls_pt"', '"version"', 1),
            "key 'version' comes twice at the top",
        ),
        ('[]', 'expected an object with version, challenge, sls_pt, sls_tl, sls_td and results'),
        (json.dumps(valid())[:-30], 'not json, or cut off (line 1, column'),
        ('[' * 100_000, 'it has more brackets than scores'),
        ('\x00\x01', 'not json, or cut off'),
    ],
)
def test_check_names_what_is_wrong(folder, capsys, text, message):
    path = folder / 'theirs.json'
    path.write_text(text)
    line = fails(capsys, '--check', path, '--annotation', folder / 'test.csv')
    assert line.startswith(f'{path}: ') and message in line
    with zipfile.ZipFile(folder / 'theirs.zip', 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.write(path, 'test.json')
    assert message in fails(
        capsys, '--check', folder / 'theirs.zip', '--annotation', folder / 'test.csv'
    )


def test_segments_that_pass_by_accident_of_equal_length(folder, capsys):
    """97 segments are as many keys as verbs; numbers that Python reads beyond JSON are seen."""
    entry = valid()['results'][IDS[0]]
    document = dict(
        valid(),
        results={f'P01_01_{number}': entry for number in range(97)},
        remark='more keys do no harm',
    )
    (folder / 'many.json').write_text(json.dumps(document))
    assert 'valid, 97 segments' in run(capsys, '--check', folder / 'many.json')[1]


def test_archives(folder, capsys):
    path = folder / 'theirs.zip'
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('folder/test.json', json.dumps(valid()))
    assert 'expected test.json at the top of the archive, found folder/test.json' in fails(
        capsys, '--check', path
    )
    with zipfile.ZipFile(path, 'w') as archive:
        archive.writestr('test.json', json.dumps(valid()))
    raw = path.read_bytes()
    path.write_bytes(raw[: len(raw) // 2])
    assert 'not a zip archive, or cut off; pack test.json with zip again' in fails(
        capsys, '--check', path
    )
    path.write_bytes(raw[:200] + b'~' + raw[201:])
    assert 'the archive is damaged or encrypted (Bad CRC-32' in fails(capsys, '--check', path)
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('test.json', json.dumps(valid()))
    raw = path.read_bytes()
    path.write_bytes(raw[:80] + b'~~~~' + raw[84:])
    assert 'the archive is damaged or encrypted' in fails(capsys, '--check', path)
    assert 'gone.zip: no such file' in fails(capsys, '--check', folder / 'gone.zip')


def test_an_archive_that_unpacks_to_too_much_is_not_unpacked(folder, capsys, monkeypatch):
    monkeypatch.setattr(epic_submission_check, '_MAX_BYTES', 10**8)
    with zipfile.ZipFile(folder / 'theirs.zip', 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('test.json', b' ' * (10**8 + 1))
    line = fails(capsys, '--check', folder / 'theirs.zip')
    assert 'test.json unpacks to 0.1 GB, a full submission has about 0.1 GB' in line
