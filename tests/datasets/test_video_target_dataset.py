"""Bad lists, videos and stores end in one sentence that says what to do."""

import json
import shutil

import numpy as np
import pytest

import egoexo_mm  # noqa: F401
from egoexo_mm.datasets import VideoTargetDataset
from egoexo_mm.targets import Manifest, StoreWriter, TargetStoreError
from tests.media import write_kinetics, write_stores, write_video

PIPELINE = [
    dict(type='DecordInit'),
    dict(type='SampleTimeWindow', clip_len=8, frame_interval=1),
    dict(type='DecordDecode'),
    dict(type='TrackGeometry'),
    dict(type='LoadTargets', time_stride=4, cell_size=16),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs', algorithm_keys=('ego_score', 'object_score', 'interaction_map')),
]


@pytest.fixture
def root(tmp_path):
    ids = write_kinetics(tmp_path, num_videos=4, num_frames=12)
    write_stores(tmp_path, ids, num_objects=10, num_frames=12)
    return tmp_path


def dataset(root, names=('ego_score', 'object_score', 'interaction_map'), **options):
    options = dict(dict(targets={name: str(root / 'targets' / name) for name in names}), **options)
    return VideoTargetDataset(
        str(root / 'list.txt'), PIPELINE, data_prefix=dict(video=str(root / 'videos')), **options
    )


def test_sample_carries_its_targets(root):
    sample = dataset(root)[1]['data_samples']
    assert sample.ego_score.shape == (2,) and sample.object_score.shape == (10,)
    assert sample.interaction_map.shape == (2, 2, 3, 4) and sample.gt_label.item() == 1


def test_targets_can_be_left_out(root):
    sample = dataset(
        root, targets=dict(ego_score=str(root / 'targets' / 'ego_score'), object_score=None)
    )[0]['data_samples']
    assert (
        'ego_score' in sample and 'object_score' not in sample and 'interaction_map' not in sample
    )


@pytest.mark.parametrize(
    'line, message',
    [
        (
            'clip_0.mp4 two',
            r'list.txt, line 2: expected "path label" with an integer label, '
            "got 'clip_0.mp4 two'",
        ),
        ('clip_0.mp4', 'list.txt, line 2: expected'),
        ('clip_0.mp4 -3', 'line 2: expected a path and a label from 0 below 5'),
        ('clip_0.mp4 5', 'line 2: expected a path and a label from 0 below 5'),
    ],
)
def test_bad_line(root, line, message):
    (root / 'list.txt').write_text(f'clip_0.mp4 0\n{line}\n')
    with pytest.raises(ValueError, match=message + '.*correct or remove the line'):
        dataset(root, num_classes=5)


def test_empty_or_missing_list(root):
    (root / 'list.txt').write_text('\n')
    with pytest.raises(ValueError, match='list.txt: the list is empty'):
        dataset(root)
    (root / 'list.txt').unlink()
    with pytest.raises(ValueError, match='list.txt: no such annotation file'):
        dataset(root)


def test_list_with_marks_and_blanks(root):
    (root / 'list.txt').write_bytes(b'\xef\xbb\xbfclip_0.mp4  1\r\n\r\n clip_1.mp4\t0 \r\n')
    rows = [dataset(root).get_data_info(i) for i in range(2)]
    assert [(row['video_id'], row['label']) for row in rows] == [('clip_0', 1), ('clip_1', 0)]
    assert rows[0]['filename'] == str(root / 'videos' / 'clip_0.mp4')
    (root / 'list.txt').write_text('clip_0.mp4 1\n', encoding='utf-16')
    with pytest.raises(ValueError, match='list.txt: is text in UTF-16'):
        dataset(root)


def test_several_labels(root):
    (root / 'list.txt').write_text('clip_0.mp4 1 3\nclip_1.mp4 0\n')
    data = dataset(root, multi_class=True, num_classes=5)
    assert data[0]['data_samples'].gt_label.tolist() == [0, 1, 0, 1, 0]
    assert data.get_data_info(1)['label'].tolist() == [1, 0, 0, 0, 0]
    with pytest.raises(
        ValueError, match="line 1: expected a path and a label from 0 below 3, got 'clip_0.mp4 1 3'"
    ):
        dataset(root, multi_class=True, num_classes=3)
    with pytest.raises(ValueError, match='multi_class=True needs num_classes'):
        dataset(root, multi_class=True)
    with pytest.raises(
        ValueError,
        match='line 1: .* set multi_class=True and num_classes for lists of several labels',
    ):
        dataset(root)


def test_list_without_labels(root):
    (root / 'list.txt').write_text('clip_0.mp4\nclip_1.mp4\n')
    assert dataset(root, test_mode=True).get_data_info(1)['label'] == -1
    with pytest.raises(ValueError, match='line 1: expected "path label"'):
        dataset(root)


def test_repeated_file_names(root):
    """A store by file name keeps one row for both."""
    (root / 'list.txt').write_text('clip_0.mp4 0\nclip_0.mp4 0\nclip_1.mp4 1\nsub/clip_1.mp4 0\n')
    with pytest.raises(
        TargetStoreError,
        match=(
            r"list\.txt: two videos of the list have the id 'clip_1': 'clip_1\.mp4' and "
            r"'sub/clip_1\.mp4'; rename one"
        ),
    ):
        dataset(root)
    assert len(dataset(root, targets=None)) == 4  # without a store they are just two videos


def test_names_with_spaces(root):
    shutil.move(root / 'videos' / 'clip_0.mp4', root / 'videos' / 'a ü clip.mp4')
    (root / 'list.txt').write_text('a ü clip.mp4 1\n')
    data = dataset(root, targets=None)
    assert (
        data.get_data_info(0)['video_id'] == 'a ü clip'
        and data[0]['data_samples'].gt_label.item() == 1
    )


def test_missing_store(root):
    shutil.rmtree(root / 'targets' / 'ego_score')
    with pytest.raises(TargetStoreError, match='ego_score'):
        dataset(root)


def test_swapped_stores(root):
    with pytest.raises(
        TargetStoreError, match="object_score: holds 'object_score', but is given as 'ego_score'"
    ):
        dataset(root, targets=dict(ego_score=str(root / 'targets' / 'object_score')))


def test_stores_that_name_videos_differently(root):
    shutil.rmtree(root / 'targets' / 'ego_score')
    manifest = Manifest(
        signal='ego_score', dataset='test', teacher='random', score_kind='logits', video_id='path'
    )
    with StoreWriter(str(root / 'targets' / 'ego_score'), manifest) as writer:
        writer.add_scores('clip_0', np.zeros(2))
    with pytest.raises(
        TargetStoreError, match="names videos by rule 'path' and .*interaction_map by 'stem'"
    ):
        dataset(root)


@pytest.fixture
def partly(root):
    """A store that knows two of the four videos."""
    shutil.rmtree(root / 'targets' / 'ego_score')
    manifest = Manifest(
        signal='ego_score', dataset='test', teacher='random', score_kind='logits', num_scores=2
    )
    with StoreWriter(str(root / 'targets' / 'ego_score'), manifest) as writer:
        for i in (0, 2):
            writer.add_scores(f'clip_{i}', np.zeros(2))
    return root


def test_videos_missing_from_a_store(partly):
    message = r"2 of 4 videos of .*list.txt have no ego_score, the first is 'clip_1'; .*skip.*drop"
    with pytest.raises(TargetStoreError, match=message):
        dataset(partly)
    skipping = dataset(partly, missing_targets='skip')
    assert len(skipping) == 4 and 'ego_score' not in skipping[1]['data_samples']
    assert 'ego_score' in skipping[2]['data_samples']
    dropping = dataset(partly, missing_targets='drop')
    assert [dropping.get_data_info(i)['video_id'] for i in range(len(dropping))] == [
        'clip_0',
        'clip_2',
    ]


def test_no_video_has_targets(partly):
    (partly / 'list.txt').write_text('clip_1.mp4 0\nclip_3.mp4 0\n')
    with pytest.raises(
        TargetStoreError,
        match="no video has all targets .* ids of list and store differ, e.g. 'clip_1'",
    ):
        dataset(partly, missing_targets='drop')


@pytest.fixture
def broken(root):
    (root / 'videos' / 'clip_1.mp4').write_bytes(b'not a video at all' * 50)
    (root / 'videos' / 'clip_2.mp4').unlink()
    return root


@pytest.mark.parametrize('index, name', [(1, 'clip_1.mp4'), (2, 'clip_2.mp4')])
def test_broken_video(broken, index, name):
    with pytest.raises(
        RuntimeError, match=rf"{name}: cannot be read \(.*list.txt.*broken_videos='skip'"
    ):
        dataset(broken)[index]


def test_broken_video_is_skipped_and_listed(broken):
    data = dataset(
        broken, broken_videos='skip', max_broken_share=0.5, failed_file=str(broken / 'failed.jsonl')
    )
    for _ in range(20):
        for index in range(4):
            assert data[index]['data_samples'].gt_label is not None  # another sample was drawn
    listed = [json.loads(line) for line in (broken / 'failed.jsonl').read_text().splitlines()]
    assert [list(line) for line in listed] == [['video_id', 'path', 'reason']] * 2
    assert [(line['video_id'], line['path']) for line in listed] == [
        (name, str(broken / 'videos' / f'{name}.mp4')) for name in ('clip_1', 'clip_2')
    ]
    assert 'Error reading' in listed[0]['reason'] and listed[1]['reason'] == 'no such file'
    with pytest.raises(
        RuntimeError, match='clip_1.mp4: cannot be read .*validation and testing leave nothing out'
    ):
        dataset(broken, broken_videos='skip', test_mode=True)[1]


def test_mistake_in_the_pipeline_is_not_blamed_on_the_video(root):
    data = dataset(root, broken_videos='skip')
    data.pipeline.transforms[-2].transform = None
    with pytest.raises(TypeError):
        data[0]


@pytest.mark.parametrize('options', [dict(missing_targets='keep'), dict(broken_videos='keep')])
def test_bad_options(root, options):
    with pytest.raises(ValueError, match=f"{next(iter(options))} must be .* got 'keep'"):
        dataset(root, **options)


def test_copy_of_another_size_and_rate_lines_up(root):
    """Boxes extracted at 30 fps follow a copy at 15 fps and twice the size."""
    shutil.rmtree(root / 'targets' / 'interaction_map')
    with StoreWriter(
        str(root / 'targets' / 'interaction_map'),
        Manifest(signal='interaction', dataset='test', teacher='random'),
    ) as writer:
        frames = np.arange(40)
        box = np.stack([frames / 40, 0 * frames, frames / 40 + 0.01, 0 * frames + 1], axis=1)
        writer.add_detections(
            'clip_0',
            frame=frames,
            box=box,
            score=np.full(40, 0.5),
            kind=np.zeros(40, int),
            num_frames=40,
            fps=30,
        )
    write_video(root / 'videos' / 'clip_0.mp4', np.zeros((20, 96, 160, 3), np.uint8), fps=15)
    (root / 'list.txt').write_text('clip_0.mp4 0\n')
    pipeline = [dict(step) for step in PIPELINE]
    pipeline[1] = dict(type='SampleFrames', clip_len=20, frame_interval=1, test_mode=True)
    pipeline[4].update(time_stride=1)
    data = VideoTargetDataset(
        str(root / 'list.txt'),
        pipeline,
        data_prefix=dict(video=str(root / 'videos')),
        targets=dict(interaction_map=str(root / 'targets' / 'interaction_map')),
    )
    maps = data[0]['data_samples'].interaction_map
    assert maps.shape == (2, 20, 6, 10)
    columns = maps[0, :, 0].argmax(
        1
    )  # frame i of the copy is frame 2 i of the source, at column 10 * 2 i / 40
    assert columns.tolist() == [i // 2 for i in range(20)]
