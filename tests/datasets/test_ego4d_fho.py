import json
import os

import pytest
from mmaction.registry import DATASETS

import egoexo_mm  # noqa: F401

CLIP = dict(
    video_uid='v-1',
    clip_uid='c-1',
    action_idx=3,
    action_clip_start_sec=12.5,
    action_clip_end_sec=20.5,
    verb='take',
    noun='cup',
    verb_label=116,
    noun_label=520,
    clip_parent_start_sec=100.0,
    clip_id=7,
)


def write(path, *changes, drop=(), key='clips'):
    clips = [
        {name: value for name, value in dict(CLIP, **change).items() if name not in drop}
        for change in changes
    ]
    path.write_text(json.dumps(dict(version='2.0', split='train', **{key: clips})))
    return str(path)


def build(ann_file, **options):
    options = dict(dict(data_prefix=dict(video='root'), check_files=False), **options)
    return DATASETS.build(dict(type='Ego4DFHODataset', ann_file=ann_file, pipeline=[], **options))


def test_sample(tmp_path):
    found = build(write(tmp_path / 'a.json', {}))[0]
    found.pop('sample_idx')
    assert found == dict(
        filename=os.path.join('root', 'c-1.mp4'),
        label=[116, 520],
        clip_uid='c-1',
        action_idx=3,
        video_id='c-1',
        narration_id='c-1_3',
        start_sec=12.5,
        stop_sec=20.5,
        start_index=0,
        modality='RGB',
    )


def test_class_counts_of_the_versions(tmp_path):
    for version, verb, noun in [(1, 114, 477), (2, 116, 520)]:
        path = write(tmp_path / 'a.json', dict(verb_label=verb, noun_label=noun))
        assert build(path, version=version)[0]['label'] == [verb, noun]
        path = write(tmp_path / 'a.json', dict(verb_label=verb + 1, noun_label=noun))
        with pytest.raises(
            ValueError,
            match=rf'clips\[0\]: verb_label is {verb + 1}, expected a .* from 0 to {verb};',
        ):
            build(path, version=version)
        path = write(tmp_path / 'a.json', dict(verb_label=verb, noun_label=noun + 1))
        with pytest.raises(
            ValueError,
            match=rf'clips\[0\]: noun_label is {noun + 1}, expected a .* from 0 to {noun};',
        ):
            build(path, version=version)
    with pytest.raises(ValueError, match=r'version must be one of \[1, 2\], got 3'):
        build(write(tmp_path / 'a.json', {}), version=3)


def test_unlabelled(tmp_path):
    path = write(tmp_path / 'a.json', {}, drop=('verb', 'noun', 'verb_label', 'noun_label'))
    assert build(path, test_mode=True)[0]['label'] == [-1, -1]
    with pytest.raises(ValueError, match=r'a\.json, clips\[0\]: verb_label has no value'):
        build(path)


def test_one_label_lost_in_a_labelled_test_file(tmp_path):
    path = write(tmp_path / 'a.json', {}, dict(action_idx=4, noun_label=None))
    with pytest.raises(ValueError, match=r'clips\[1\]: noun_label has no value'):
        build(path, test_mode=True)


@pytest.mark.parametrize(
    'change, message',
    [
        (
            dict(action_clip_end_sec=12.0),
            r'clips\[1\]: action_clip_end_sec 12 lies before action_clip_start_sec 12\.5',
        ),
        (
            dict(action_clip_start_sec=float('nan')),
            r'clips\[1\]: action_clip_start_sec has no value',
        ),
        (
            dict(action_clip_start_sec=-1),
            r'clips\[1\]: action_clip_start_sec is -1, expected a time',
        ),
        (dict(clip_uid=None), r'clips\[1\]: clip_uid has no value'),
        (dict(clip_uid=['c']), r"clips\[1\]: clip_uid is \['c'\], expected a text"),
        (dict(verb_label=True), r'clips\[1\]: verb_label is True'),
        (
            dict(action_idx=4),
            r"clips\[1\]: the pair of clip_uid and action_idx 'c-1_4' was already used "
            r'\(.*clips\[0\]\)',
        ),
    ],
)
def test_bad_rows(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        build(write(tmp_path / 'a.json', dict(action_idx=4), change))


def test_bad_files(tmp_path):
    broken = tmp_path / 'broken.json'
    broken.write_text('{"clips": [')
    listed = tmp_path / 'listed.json'
    listed.write_text('[{"clip_uid": "x"}]')
    for path, message in [
        (str(tmp_path / 'no.json'), r'no\.json: no such annotation file'),
        (str(broken), r'broken\.json: cannot be read as json'),
        (str(listed), r"listed\.json: expected an object with a list of objects under 'clips'"),
        (write(tmp_path / 'b.json', {}, key='segments'), "under 'clips'"),
        (write(tmp_path / 'a.json'), r"a\.json: the list 'clips' is empty"),
    ]:
        with pytest.raises(ValueError, match=message):
            build(path)


def test_missing_videos(tmp_path):
    (tmp_path / 'c-1.mp4').touch()
    path = write(tmp_path / 'a.json', {}, dict(clip_uid='c-2'), dict(clip_uid='c-2', action_idx=0))
    options = dict(data_prefix=dict(video=str(tmp_path)), check_files=True)
    with pytest.raises(
        ValueError,
        match=r"2 of 3 rows have no usable media \(1 missing: .*c-2\.mp4\).*missing='drop'",
    ):
        build(path, **options)
    assert [row['narration_id'] for row in build(path, missing='drop', **options)] == ['c-1_3']
