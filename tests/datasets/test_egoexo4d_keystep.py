import json
import os

import pytest
from mmaction.registry import DATASETS

import egoexo_mm  # noqa: F401

STEM = 'train/take_07_6/start0.85598_end33.20377_'
SEGMENT = dict(
    segment_name_list=[f'{STEM}aria02_214-1.mp4', f'{STEM}cam01.mp4', f'{STEM}cam02.mp4'],
    ego_segment_name=f'{STEM}aria02_214-1.mp4',
    take_uid='uid-1',
    take_name='take_07_6',
    start_time=0.85598,
    end_time=33.20377,
    step_unique_id=843,
    label_id=35,
    step_name='Unbox package',
)


def write(path, *changes, drop=()):
    segments = [
        {name: value for name, value in dict(SEGMENT, **change).items() if name not in drop}
        for change in changes
    ]
    path.write_text(json.dumps(dict(date='', description='', splits='train', segments=segments)))
    return str(path)


def build(ann_file, **options):
    options = dict(dict(data_prefix=dict(video='root'), check_files=False), **options)
    return DATASETS.build(
        dict(type='EgoExo4DKeystepDataset', ann_file=ann_file, pipeline=[], **options)
    )


def test_sample(tmp_path):
    dataset = build(write(tmp_path / 'a.json', {}))
    found = dataset[0]
    found.pop('sample_idx')
    assert len(dataset) == 1 and found == dict(
        filename=os.path.join('root', f'{STEM}aria02_214-1.mp4'),
        label=35,
        segment_id=f'{STEM}aria02_214-1',
        video_id=f'{STEM}aria02_214-1',
        take_uid='uid-1',
        take_name='take_07_6',
        is_ego=True,
        start_index=0,
        modality='RGB',
    )


def test_views(tmp_path):
    path = write(tmp_path / 'a.json', {})
    cameras = {
        views: [row['segment_id'].removeprefix(STEM) for row in build(path, views=views)]
        for views in ('ego', 'exo', 'all')
    }
    assert cameras == dict(
        ego=['aria02_214-1'], exo=['cam01', 'cam02'], all=['aria02_214-1', 'cam01', 'cam02']
    )
    assert [row['is_ego'] for row in build(path, views='all')] == [True, False, False]
    with pytest.raises(ValueError, match="views must be 'ego', 'exo' or 'all', got 'both'"):
        build(path, views='both')
    path = write(tmp_path / 'a.json', dict(segment_name_list=SEGMENT['segment_name_list'][:1]))
    with pytest.raises(ValueError, match="no segment has a clip of the views 'exo'"):
        build(path, views='exo')


def test_path_template(tmp_path):
    found = build(write(tmp_path / 'a.json', {}), path_tmpl='{take_uid}/{take_name}/{file_name}')[0]
    assert found['filename'] == os.path.join(
        'root', 'uid-1/take_07_6/start0.85598_end33.20377_aria02_214-1.mp4'
    )


def test_label_mapping(tmp_path):
    mapping = tmp_path / 'label_mapping.csv'
    header = 'label_id,step_unique_id,step_name,scenario_name\n'
    mapping.write_text(header + '1,502,"Check paper, recipe",cooking\n0,1567,Stir,cooking\n')
    options = dict(label_mapping='label_mapping.csv', data_root=str(tmp_path))
    write(tmp_path / 'a.json', dict(label_id=1))
    dataset = build('a.json', **options)
    assert (
        dataset.metainfo['classes'] == ['Stir', 'Check paper, recipe'] and dataset[0]['label'] == 1
    )
    write(tmp_path / 'a.json', dict(label_id=2))
    with pytest.raises(
        ValueError, match=r'segments\[0\]: label_id is 2, expected a whole number from 0 to 1;'
    ):
        build('a.json', **options)
    mapping.write_text(header + '0,1,a,b\n0,2,c,d\n')
    with pytest.raises(
        ValueError, match=r'label_mapping\.csv: expected the labels 0 to 1 once each'
    ):
        build('a.json', **options)
    mapping.write_text('label,step_name\n0,a\n')
    with pytest.raises(
        ValueError, match='lacks the columns label_id, while these are unknown: label;'
    ):
        build('a.json', **options)


def test_278_classes_without_a_mapping(tmp_path):
    assert build(write(tmp_path / 'a.json', dict(label_id=277)))[0]['label'] == 277
    with pytest.raises(ValueError, match='label_id is 278, expected a whole number from 0 to 277;'):
        build(write(tmp_path / 'a.json', dict(label_id=278)))


def test_unannotated(tmp_path):
    path = write(tmp_path / 'a.json', {}, drop=('label_id', 'step_name', 'step_unique_id'))
    assert build(path, test_mode=True)[0]['label'] == -1
    with pytest.raises(ValueError, match=r'segments\[0\]: label_id has no value'):
        build(path)


@pytest.mark.parametrize(
    'change, message',
    [
        (dict(end_time=0.5), r'segments\[1\]: end_time 0\.5 lies before start_time 0\.85598'),
        (dict(ego_segment_name=''), r'segments\[1\]: ego_segment_name has no value'),
        ({}, r"segments\[1\]: the clip '.*aria02_214-1' was already used \(.*segments\[0\]\)"),
        (
            dict(ego_segment_name='x', segment_name_list='y'),
            r"segments\[1\]: segment_name_list is 'y', expected a list",
        ),
    ],
)
def test_bad_rows(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        build(write(tmp_path / 'a.json', {}, change), views='all')


def test_missing_clips(tmp_path):
    folder = tmp_path / 'train' / 'take_07_6'
    folder.mkdir(parents=True)
    (folder / 'start0.85598_end33.20377_cam01.mp4').touch()
    path = write(tmp_path / 'a.json', {})
    options = dict(data_prefix=dict(video=str(tmp_path)), check_files=True, views='all')
    with pytest.raises(
        ValueError,
        match=r'2 of 3 rows have no usable media \(2 missing: .*214-1\.mp4, .*cam02\.mp4\)',
    ):
        build(path, **options)
    assert [row['segment_id'] for row in build(path, missing='drop', **options)] == [f'{STEM}cam01']
