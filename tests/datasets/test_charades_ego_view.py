"""Charades-Ego labelled by view: folders of frames, videos, and lists that lack a view."""

import os

import pytest
from mmaction.registry import DATASETS
from mmengine.config import Config
from mmengine.logging import MMLogger

import egoexo_mm  # noqa: F401
from tests.media import noise_video
from tests.training.runs import ROOT

HEADER = 'id,subject,actions,length,egocentric,charades_video'


@pytest.fixture
def logged(monkeypatch):
    found = []
    monkeypatch.setattr(MMLogger.get_current_instance(), 'info', found.append)
    return found


def write_csv(path, *rows):
    path.write_text('\n'.join([HEADER, *rows]) + '\n')
    return path


PAIRS = (
    'AEGO,S1,c092 1.00 2.00,1.00,Yes,A',
    'A,S1,,1.50,No,',
    'BEGO,S1,,1.00,Yes,B',
    'B,S1,,0.50,No,',
    'C,S2,c001 0 1,2.00,No,',
)


def build(ann_file, **options):
    return DATASETS.build(
        dict(type='CharadesEgoViewDataset', ann_file=str(ann_file), pipeline=[], **options)
    )


def test_frames(tmp_path, logged):
    path = write_csv(tmp_path / 'a.csv', *PAIRS)
    dataset = build(path, data_prefix=dict(img='root'), check_files=False)
    found = [dataset[i] for i in range(len(dataset))]
    assert [(row['video_id'], row['label']) for row in found] == [
        ('A', 0),
        ('B', 0),
        ('C', 0),
        ('AEGO', 1),
        ('BEGO', 1),
    ]
    assert [row['total_frames'] for row in found] == [
        36,
        12,
        48,
        24,
        24,
    ]  # whole videos, 24 frames a second
    assert found[3]['frame_dir'] == os.path.join('root', 'AEGO') and found[3]['start_index'] == 1
    assert 'frame_labels' not in found[3]
    assert f'{path}: 3 third-person and 2 first-person videos' in logged
    assert [
        row['label']
        for row in build(path, view='first', data_prefix=dict(img='root'), check_files=False)
    ] == [1, 1]


def test_frames_that_are_missing(tmp_path):
    path = write_csv(tmp_path / 'a.csv', *PAIRS[:2])
    (tmp_path / 'AEGO').mkdir()
    for number in range(1, 25):
        (tmp_path / 'AEGO' / f'AEGO-{number:06}.jpg').touch()
    with pytest.raises(ValueError, match=r'1 of 1 rows have no usable media \(1 missing: .*A\)'):
        build(path, data_prefix=dict(img=str(tmp_path)))


def test_videos(tmp_path):
    path = write_csv(tmp_path / 'a.csv', *PAIRS[:4])
    for seed, name in enumerate(('A', 'AEGO', 'B')):
        noise_video(tmp_path / f'{name}.mp4', seed, num_frames=20)
    options = dict(data_prefix=dict(video=str(tmp_path)))
    with pytest.raises(
        ValueError, match=r'1 of 2 rows have no usable media \(1 missing: .*BEGO\.mp4\)'
    ):
        build(path, **options)
    dataset = build(path, missing='drop', **options)
    found = [(row['video_id'], row['label'], row['start_index']) for row in dataset]
    assert found == [('A', 0, 0), ('B', 0, 0), ('AEGO', 1, 0)]
    assert dataset[2]['filename'] == str(tmp_path / 'AEGO.mp4')


def test_videos_through_the_shipped_pipelines(tmp_path):
    cfg = Config.fromfile(ROOT / 'configs/teachers/ego_score_slowfast_r50_charades_ego_videos.py')
    path = write_csv(tmp_path / 'a.csv', *PAIRS[:2])
    for seed, name in enumerate(('A', 'AEGO')):
        noise_video(tmp_path / f'{name}.mp4', seed, num_frames=20)
    for loader, views in ((cfg.train_dataloader, 1), (cfg.test_dataloader, 2)):
        for step in loader.dataset.pipeline:
            step.update(dict(num_clips=2) if step.get('num_clips') == 10 else {})
        dataset = DATASETS.build(
            dict(loader.dataset, ann_file=str(path), data_prefix=dict(video=str(tmp_path)))
        )
        item = dataset[1]
        assert item['inputs'].shape == (views, 3, 32, 224, 224)
        assert (
            item['data_samples'].gt_label.tolist() == [1]
            and item['data_samples'].video_id == 'AEGO'
        )


def test_frame_list_of_one_view(tmp_path):
    path = tmp_path / 'train_1st.csv'
    path.write_text(
        'original_vido_id video_id frame_id path labels\nAEGO 0 0 AEGO/AEGO-000001.jpg "1"\n'
    )
    options = dict(data_prefix=dict(img='root'), check_files=False)
    with pytest.raises(
        ValueError,
        match=r'train_1st\.csv: no third-person video; set ann_file to CharadesEgo_v1_train',
    ):
        build(path, **options)
    assert build(path, view='first', **options)[0]['label'] == 1
    with pytest.raises(ValueError, match='lacks the columns id, egocentric'):
        build(path, data_prefix=dict(video='root'))
    with pytest.raises(ValueError, match=r"line 2: egocentric is 'Maybe', expected Yes or No"):
        build(write_csv(tmp_path / 'b.csv', 'A,S1,,1,Maybe,'), data_prefix=dict(video='root'))
