"""Scores in .npz files: what DumpScores writes, read_dump reads."""

import io
import zipfile

import numpy as np
import pytest
import torch
from mmaction.registry import METRICS

import egoexo_mm  # noqa: F401
from egoexo_mm.evaluation.dumps import read_dump


def dump(path, samples):
    metric = METRICS.build(dict(type='DumpScores', out_file_path=str(path)))
    metric.process(None, samples)
    assert metric.evaluate(len(samples)) == {}


def test_verb_and_noun(tmp_path):
    samples = [
        dict(
            narration_id=f'P01_01_{i}',
            pred_score=dict(verb=torch.tensor([i, 0.5]), noun=torch.tensor([1.0, 2, i])),
            gt_label=torch.tensor([i, 3]),
            img_shape=(4, 5),
        )
        for i in range(2)
    ]
    dump(tmp_path / 'd.npz', samples)
    found = read_dump(tmp_path / 'd.npz')
    assert [sample['narration_id'] for sample in found] == ['P01_01_0', 'P01_01_1']
    assert found[1]['pred_score']['verb'].tolist() == [1, 0.5] and found[1]['pred_score'][
        'noun'
    ].tolist() == [1, 2, 1]
    assert found[1]['gt_label'].tolist() == [1, 3] and 'img_shape' not in found[1]
    with np.load(tmp_path / 'd.npz', allow_pickle=False) as file:  # anybody's numpy reads it too
        assert sorted(file) == ['gt_label', 'narration_id', 'pred_score.noun', 'pred_score.verb']


def test_one_score_and_labels_of_other_lengths(tmp_path):
    dump(
        tmp_path / 'd.npz',
        [dict(pred_score=torch.ones(3), gt_label=torch.arange(count)) for count in (1, 2)],
    )
    found = read_dump(tmp_path / 'd.npz')
    assert found[0]['pred_score'].tolist() == [1, 1, 1] and 'gt_label' not in found[0]
    with pytest.raises(ValueError, match=r'd\.npz: pred_score has the shapes'):
        dump(tmp_path / 'd.npz', [dict(pred_score=torch.ones(count)) for count in (3, 4)])
    with pytest.raises(ValueError, match='must end in .npz'):
        dump(tmp_path / 'd.pkl', [])


def npz(**kwargs):
    file = io.BytesIO()
    np.savez(file, **kwargs)
    return file.getvalue()


def bomb():
    member, file = io.BytesIO(), io.BytesIO()
    np.save(member, np.zeros(1 << 22))
    with zipfile.ZipFile(file, 'w', zipfile.ZIP_DEFLATED) as archive:
        archive.writestr('pred_score.npy', member.getvalue())
    return file.getvalue()


def twice():
    member, file = io.BytesIO(), io.BytesIO()
    np.save(member, np.zeros(3))
    with zipfile.ZipFile(file, 'w') as archive, pytest.warns(UserWarning):
        for _ in range(2):
            archive.writestr('pred_score.npy', member.getvalue())
    return file.getvalue()


@pytest.mark.parametrize(
    'content, message',
    [
        (lambda: npz(pred_score=np.array([None])), 'the data do not fill|not of a plain array'),
        (lambda: npz(pred_score=np.zeros((2, 3)), video_id=np.array(['a'])), 'not of one length'),
        (lambda: npz(a=np.zeros(2)), 'its arrays are a, without scores'),
        (lambda: npz(pred_score=np.zeros(()))[:-30], ''),
        (bomb, 'is compressed, comes twice or overlaps'),
        (twice, 'is compressed, comes twice or overlaps'),
        (lambda: b'', ''),
    ],
)
def test_other_files_are_refused(tmp_path, content, message):
    (tmp_path / 'd.npz').write_bytes(content())
    with pytest.raises(ValueError, match=rf'd\.npz: not read as a test dump \(.*({message})'):
        read_dump(tmp_path / 'd.npz')
