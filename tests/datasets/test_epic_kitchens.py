import csv
import os
import re
from pathlib import Path

import pytest
from mmaction.registry import DATASETS
from mmengine.logging import MMLogger

import egoexo_mm  # noqa: F401
from egoexo_mm.datasets import EpicKitchensDataset
from egoexo_mm.targets import TargetStoreError
from tests import finetune_data
from tests.hosts import BUILT

PICKLES = Path(__file__).parents[1] / 'data' / 'epic_pickles'
COLUMNS = (
    'narration_id,participant_id,video_id,narration_timestamp,start_timestamp,stop_timestamp,start_frame,stop_frame,'
    'narration,verb,verb_class,noun,noun_class,all_nouns,all_noun_classes'
).split(',')
ROW = dict(
    zip(
        COLUMNS,
        [
            'P90_01_0',
            'P90',
            'P90_01',
            '00:00:00.100',
            '00:00:00.50',
            '00:01:01.25',
            '3',
            '7',
            'take cup, quickly',
            'take',
            '0',
            'cup',
            '13',
            "['cup', 'mug']",
            '[13, 13]',
        ],
    )
)


@pytest.fixture
def logged(monkeypatch):
    """Warnings of MMEngine's logger, whose handlers write to a stream pytest does not see."""
    found = []
    monkeypatch.setattr(MMLogger.get_current_instance(), 'warning', found.append)
    return found


def write(path, *changes, drop=(), **header):
    """A csv of one row per dict of changed fields."""
    names = [header.get(name, name) for name in COLUMNS if name not in drop]
    with open(path, 'w', newline='') as file:
        writer = csv.writer(file)
        writer.writerow(names)
        for change in changes:
            writer.writerow([dict(ROW, **change)[name] for name in COLUMNS if name not in drop])
    return str(path)


def build(ann_file, **options):
    options = dict(dict(data_prefix=dict(img='root'), check_files=False), **options)
    return DATASETS.build(
        dict(dict(type='EpicKitchensDataset', ann_file=str(ann_file), pipeline=[]), **options)
    )


def write_frames(folder, count, tmpl='frame_{:010}.jpg', first=1):
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        (folder / tmpl.format(number)).touch()


def test_frames_of_epic_100(tmp_path):
    found = build(write(tmp_path / 'a.csv', {}))[0]
    found.pop('sample_idx')
    assert found == dict(
        narration_id='P90_01_0',
        participant_id='P90',
        video_id='P90_01',
        label=[0, 13],
        start_index=1,
        modality='RGB',
        frame_dir=os.path.join('root', 'P90/rgb_frames/P90_01'),
        filename_tmpl='frame_{:010}.jpg',
        segment_start=2,
        total_frames=5,
        source_frames=None,
    )  # frames 3 to 7: 0-based 2 to 6
    assert found['filename_tmpl'].format(3) == 'frame_0000000003.jpg'


def test_videos_of_epic_100(tmp_path):
    found = build(write(tmp_path / 'a.csv', {}), data_prefix=dict(video='root'))[0]
    assert (
        found['filename'] == os.path.join('root', 'P90/videos/P90_01.MP4')
        and found['start_index'] == 0
    )
    assert (found['start_sec'], found['stop_sec']) == (0.5, 61.25)
    assert 'segment_start' not in found and 'frame_dir' not in found


def test_epic_55(tmp_path):
    path = write(
        tmp_path / 'a.csv',
        dict(narration_id='17', verb_class='124', noun_class='351'),
        narration_id='uid',
    )
    found = build(path, version=55)[0]
    assert found['frame_dir'] == os.path.join('root', 'P90_01') and found['label'] == [124, 351]
    assert found['narration_id'] == '17'


def test_epic_55_lists_without_uid(tmp_path):
    """Lists that others cut from EPIC-55 may lack it: rows then count from 0."""
    path = write(tmp_path / 'a.csv', {}, {}, drop=['narration_id'])
    assert [row['narration_id'] for row in build(path, version=55)] == ['0', '1']
    with pytest.raises(ValueError, match='lacks the columns narration_id;'):
        build(path)


def test_templates(tmp_path):
    found = build(
        write(tmp_path / 'a.csv', {}),
        path_tmpl='{participant_id}-{video_id}',
        filename_tmpl='{:06}.png',
        start_index=0,
    )[0]
    assert (
        found['frame_dir'] == os.path.join('root', 'P90-P90_01')
        and found['filename_tmpl'] == '{:06}.png'
    )
    assert (found['segment_start'], found['start_index']) == (3, 0)
    with pytest.raises(
        ValueError,
        match=r"template '\{take\}' cannot be filled .*use the names participant_id, video_id",
    ):
        build(write(tmp_path / 'a.csv', {}), path_tmpl='{take}')


def test_frame_0_is_the_first_file(tmp_path):
    found = build(write(tmp_path / 'a.csv', dict(start_frame='0')))[0]
    assert (found['segment_start'], found['total_frames']) == (0, 7)


@pytest.mark.parametrize(
    'path', sorted(PICKLES.glob('[ic][no][dl]*.pkl')), ids=lambda path: path.stem
)
def test_pickles_equal_the_csv(path, tmp_path):
    rows = [{}, {}, {}]
    for i, row in enumerate(rows):
        row.update(
            narration_id=['P90_01_0', 'P90_01_1', 'P91_101_0'][i],
            participant_id=['P90', 'P90', 'P91'][i],
            video_id=['P90_01', 'P90_01', 'P91_101'][i],
            start_frame=[1, 93, 25][i],
            stop_frame=[113, 147, 50][i],
            verb_class=[0, 1, 3][i],
            noun_class=[13, 13, 8][i],
        )
    expected = build(write(tmp_path / 'a.csv', *rows))
    assert [dict(info) for info in build(path)] == [dict(info) for info in expected] and len(
        expected
    ) == 3


def test_test_split_has_no_labels(tmp_path):
    path = write(tmp_path / 'a.csv', {}, drop=COLUMNS[8:])
    assert build(path, test_mode=True)[0]['label'] == [-1, -1]
    with pytest.raises(
        ValueError, match=r'a\.csv: lacks the columns verb_class and noun_class.*test_mode=True'
    ):
        build(path)
    path = write(tmp_path / 'b.csv', {}, drop=['verb_class'])
    with pytest.raises(ValueError, match='or one of them'):
        build(path, test_mode=True)


@pytest.mark.parametrize(
    'change, message',
    [
        (
            dict(verb_class='97'),
            r"line 3: verb_class is '97', expected a whole number from 0 to 96; "
            'correct or remove the row',
        ),
        (
            dict(noun_class='300'),
            r"line 3: noun_class is '300', expected a whole number from 0 to 299",
        ),
        (dict(noun_class='-1'), r"line 3: noun_class is '-1', expected a whole number"),
        (dict(verb_class='1.5'), r"line 3: verb_class is '1\.5'"),
        (dict(verb_class=''), 'line 3: verb_class has no value'),
        (dict(noun_class='nan'), 'line 3: noun_class has no value'),
        (dict(narration_id=''), 'line 3: narration_id has no value'),
        (dict(video_id='NaN'), 'line 3: video_id has no value'),
        (
            dict(start_frame='8'),
            'line 3: stop_frame 7 lies before start_frame 8, expected a segment that ends after '
            'it starts',
        ),
        (
            dict(narration_id='P90_01_1'),
            r"line 3: narration_id 'P90_01_1' was already used \(.*a\.csv, line 2\)",
        ),
    ],
)
def test_bad_rows(tmp_path, change, message):
    path = write(
        tmp_path / 'a.csv',
        dict(narration_id='P90_01_1'),
        dict(dict(narration_id='P90_01_2'), **change),
    )
    with pytest.raises(ValueError, match=message) as caught:
        build(path)
    assert '\n' not in str(caught.value)
    assert re.match(BUILT + re.escape(str(path)), str(caught.value))


@pytest.mark.parametrize(
    'change, message',
    [
        (
            dict(stop_timestamp='00:00:00.40'),
            r'line 2: stop_timestamp 0\.4 lies before start_timestamp 0\.5',
        ),
        (
            dict(start_timestamp='noon'),
            r"line 2: start_timestamp is 'noon', expected a time as hh:mm:ss\.ss or seconds",
        ),
        (dict(start_timestamp='00:61:00'), 'line 2: start_timestamp'),
        (dict(start_timestamp=''), 'line 2: start_timestamp has no value'),
    ],
)
def test_bad_timestamps(tmp_path, change, message):
    with pytest.raises(ValueError, match=message):
        build(write(tmp_path / 'a.csv', change), data_prefix=dict(video='root'))
    if 'stop_timestamp' in change:
        assert len(build(write(tmp_path / 'a.csv', change))) == 1  # frames do not read them


def test_bad_files(tmp_path):
    empty = tmp_path / 'empty.csv'
    empty.touch()
    ragged = tmp_path / 'ragged.csv'
    ragged.write_text(','.join(COLUMNS) + '\n1,2,3\n')
    for path, message in [
        (tmp_path / 'no.csv', r'no\.csv: no such annotation file'),
        (empty, r'empty\.csv: is empty; expected a csv with a header line'),
        (write(tmp_path / 'a.csv'), r'a\.csv: has no rows'),
        (ragged, r'ragged\.csv, line 2: 3 fields, expected 15 as in the header'),
        (
            write(tmp_path / 'b.csv', {}, video_id='video', start_frame='begin'),
            r'b\.csv: lacks the columns video_id, start_frame, while these are unknown: video, '
            'begin; use the published file',
        ),
    ]:
        with pytest.raises(ValueError, match=message):
            build(path)


def test_unknown_columns_are_named(tmp_path, logged):
    assert len(build(write(tmp_path / 'a.csv', {}, narration='speech'))) == 1
    assert len(logged) == 1 and logged[0].endswith('a.csv: ignored the unknown columns speech')


def test_missing_frames(tmp_path, logged):
    write_frames(tmp_path / 'P90/rgb_frames/P90_01', 9)
    path = write(
        tmp_path / 'a.csv',
        dict(narration_id='fits'),
        dict(narration_id='ends_there', stop_frame='9'),
        dict(narration_id='too_long', stop_frame='13'),
        dict(narration_id='gone', video_id='P90_02'),
        dict(narration_id='gone_too', video_id='P90_02'),
    )
    options = dict(data_prefix=dict(img=str(tmp_path)), check_files=True)
    with pytest.raises(
        ValueError,
        match=(
            r'a\.csv: 3 of 5 rows have no usable media \(1 shorter than the annotation: '
            r'.*P90_01/frame_0000000013\.jpg; 1 missing: .*P90/rgb_frames/P90_02\); '
            r"get or extract them, .* set missing='drop'.*, or set check_files="
        ),
    ):
        build(path, **options)
    assert [row['narration_id'] for row in build(path, missing='drop', **options)] == [
        'fits',
        'ends_there',
    ]
    assert len(logged) == 1 and '3 of 5 rows have no usable media' in logged[0]
    with pytest.raises(
        ValueError, match='2 of 2 rows have no usable media .*templates, or set check_files=False'
    ):
        build(
            write(tmp_path / 'b.csv', dict(video_id='x'), dict(narration_id='b', video_id='y')),
            missing='drop',
            **options,
        )


def test_missing_videos_are_listed_once(tmp_path):
    path = write(
        tmp_path / 'a.csv',
        *[dict(narration_id=f'{i}', video_id=f'P90_{i // 2}') for i in range(10)],
    )
    (tmp_path / 'P90/videos').mkdir(parents=True)
    (tmp_path / 'P90/videos/P90_3.MP4').touch()
    with pytest.raises(
        ValueError,
        match=r'8 of 10 rows .*\(4 missing: .*P90_0\.MP4, .*P90_1\.MP4, .*P90_2\.MP4, \.\.\.\)',
    ):
        build(path, data_prefix=dict(video=str(tmp_path)), check_files=True)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(version=90), r'version must be one of \[55, 100\], got 90'),
        (dict(missing='skip'), "missing must be 'error' or 'drop', got 'skip'"),
        (
            dict(data_prefix=dict(flow='x')),
            r"set data_prefix=dict\(img='FOLDER'\) or data_prefix=dict\(video='FOLDER'\), got",
        ),
    ],
)
def test_bad_options(tmp_path, options, message):
    with pytest.raises(ValueError, match=message):
        build(write(tmp_path / 'a.csv', {}), **options)


def test_unreadable_media_are_named(tmp_path):
    write_frames(tmp_path / 'P90/rgb_frames/P90_01', 9)  # empty files
    dataset = build(
        write(tmp_path / 'a.csv', {}),
        data_prefix=dict(img=str(tmp_path)),
        check_files=True,
        test_mode=True,
    )
    dataset.pipeline = DATASETS.build(
        dict(
            type='EpicKitchensDataset',
            ann_file=dataset.ann_file,
            check_files=False,
            pipeline=[
                dict(type='SampleClampedFrames', clip_len=2, frame_interval=1),
                dict(type='RawFrameDecode'),
            ],
        )
    ).pipeline
    with pytest.raises(
        RuntimeError,
        match=(
            r'P90/rgb_frames/P90_01: cannot be read \(frame_\d{10}\.jpg: cannot be decoded\); '
            'get it again, '
        ),
    ):
        dataset[0]


def test_official_annotation():
    """The published validation annotation, if a copy is at hand, has the counts of the release."""
    root = Path(
        os.environ.get('EGOEXO_SHARED_DATA') or Path(__file__).parents[3] / 'shared' / 'data'
    )
    path = root / 'epic100' / 'EPIC_100_validation.csv'
    if not path.is_file():
        pytest.skip(
            'no copy of the EPIC-100 annotation; set EGOEXO_SHARED_DATA to a folder with epic100/'
        )
    frames, videos = build(path), build(path, data_prefix=dict(video=''))
    assert len(frames) == len(videos) == 9668
    rows = [frames.get_data_info(i) for i in range(len(frames))]
    assert (len({row['label'][0] for row in rows}), len({row['label'][1] for row in rows})) == (
        78,
        211,
    )
    assert (
        len({tuple(row['label']) for row in rows}) == 1352
        and min(row['segment_start'] for row in rows) == 0
    )
    assert sum(row['participant_id'] in ('P18', 'P32') for row in rows) == 1065
    # start_frame = floor(60 s) for two-digit video numbers and floor(50 s) for three, as in
    # TrimSegment
    agree = 0
    for row, video in zip(rows, (videos.get_data_info(i) for i in range(len(videos)))):
        fps = 60 if len(row['video_id'].split('_')[1]) == 2 else 50
        agree += max(int(video['start_sec'] * fps + 1e-6), 1) == row['segment_start'] + 1
    assert agree / len(rows) > 0.97


def test_targets_are_covered_at_start(tmp_path):
    """Ego-Exo*: segments that the store lacks stop the run, lose the loss, or are dropped."""
    options = finetune_data.epic100(tmp_path)
    finetune_data.write_frames(
        tmp_path / 'P02' / 'rgb_frames' / 'P02_01', 'frame_{:010}.jpg', 12, seed=3
    )
    lines = (tmp_path / 'list.csv').read_text().splitlines()
    other = (
        lines[1].replace('P01_101', 'P02_01').replace(',P01,', ',P02,').replace(',1,40,', ',1,12,')
    )
    (tmp_path / 'list.csv').write_text('\n'.join([*lines, other]) + '\n')
    options = dict(options, pipeline=[], targets=dict(interaction_map=str(tmp_path / 'boxes')))
    with pytest.raises(
        TargetStoreError,
        match="1 of 2 videos of .*list.csv have no interaction_map, the first is 'P02_01'",
    ):
        EpicKitchensDataset(**options)
    assert len(EpicKitchensDataset(**options, missing_targets='skip')) == 4
    dropped = EpicKitchensDataset(**options, missing_targets='drop')
    assert {dropped.get_data_info(i)['video_id'] for i in range(len(dropped))} == {
        'P01_101'
    } and len(dropped) == 3
    assert 'interaction_map' in dropped.get_data_info(0)['target_stores']


@pytest.mark.parametrize(
    'sampler',
    [
        dict(type='SampleFrames', clip_len=2, num_clips=2),
        dict(type='DenseSampleFrames', clip_len=1, sample_range=4, num_clips=2),
        dict(type='UniformSample', clip_len=3),
        dict(type='SampleTimeWindow', clip_len=3, frame_interval=1),
        dict(type='SampleClampedFrames', clip_len=3, frame_interval=1),
    ],
)
def test_any_sampler_stays_in_the_segment(tmp_path, sampler):
    path = write(tmp_path / 'a.csv', dict(start_frame='5001', stop_frame='5010'))
    data = build(path, pipeline=[dict(sampler, test_mode=True)], test_mode=True)
    frames = data[0]['frame_inds']
    assert frames.min() >= 5001 and frames.max() <= 5010


@pytest.mark.parametrize(
    'template', ['frame_{frame:010}.jpg', '{}/frame_{}.jpg', 'frame.jpg', 'frame_{:zz}.jpg']
)
def test_bad_file_template(tmp_path, template):
    with pytest.raises(ValueError, match='filename_tmpl=.* does not name files by their numbers'):
        build(write(tmp_path / 'a.csv', {}), filename_tmpl=template)


def test_quote_that_is_never_closed(tmp_path):
    path = write(tmp_path / 'a.csv', {}, dict(narration_id='b'), dict(narration_id='c'))
    text = Path(path).read_text().splitlines(keepends=True)
    for row, message in (
        (3, r'line 4: a quote \("\) is never closed, so that the rows below would be lost'),
        (2, r'line 3: 22 fields, expected 15 .* or close the quote \("\) in it'),
    ):
        cut = [*text]
        cut[row] = cut[row].rpartition('"')[0] + '\n'
        Path(path).write_text(''.join(cut))
        with pytest.raises(ValueError, match=message):
            build(path)
