"""Broken media: named where they end a run; or skipped, listed once, and replaced reproducibly."""

import json
import os
import random
import traceback

import numpy as np
import pytest
from mmaction.registry import DATASETS, TRANSFORMS
from mmcv.transforms import BaseTransform
from mmengine.dataset import Compose as MMEngineCompose
from torch.utils.data import DataLoader

import egoexo_mm  # noqa: F401
from egoexo_mm.targets import TargetStoreError
from tests import finetune_data
from tests.media import noise_video


class OpenInit(BaseTransform):
    """Opens files as a reader does: those of the list's ``broken`` names fail."""

    opened: list = []

    def transform(self, results):
        self.opened.append(results['filename'])
        if 'broken' in results['filename']:
            raise ValueError('moov atom not found')
        return dict(results, total_frames=40)


class PartlyDecode(BaseTransform):
    """Fails for clips of ``damaged`` files that begin in the second half."""

    def transform(self, results):
        start = int(np.random.randint(40))
        if 'damaged' in results['filename'] and start >= 20:
            raise RuntimeError('frame 20 cannot be decoded')
        return dict(results, start=start, crop=random.random(), imgs=[np.zeros((2, 2, 3))])


@pytest.fixture(autouse=True)
def registered():
    for kind in (OpenInit, PartlyDecode):
        TRANSFORMS.register_module(module=kind, force=True)
    OpenInit.opened.clear()


SEEDED = [dict(type='SeedAugmentations'), dict(type='OpenInit'), dict(type='PartlyDecode')]


def build(root, names, pipeline=SEEDED, epoch=0, **options):
    (root / 'list.txt').write_text(''.join(f'{name} 0\n' for name in names))
    options = dict(
        dict(broken_videos='skip', max_broken_share=0.5, failed_file=str(root / 'failed.jsonl')),
        **options,
    )
    data = DATASETS.build(
        dict(
            type='VideoTargetDataset', ann_file=str(root / 'list.txt'), pipeline=pipeline, **options
        )
    )
    if pipeline and pipeline[0]['type'] == 'SeedAugmentations':
        data.pipeline.transforms[0].set_epoch(7, epoch)
    return data


def mixed(count=40):
    """A tenth cannot be opened, a fifth is damaged in the second half."""
    return [
        f'{"broken" if i % 10 == 3 else "damaged" if i % 5 == 1 else "sound"}_{i}.mp4'
        for i in range(count)
    ]


def draw(data, index):
    sample = data[index]
    return sample['filename'], sample['start'], sample['crop']


def listed(root):
    return [json.loads(line) for line in (root / 'failed.jsonl').read_text().splitlines()]


def test_draws_do_not_depend_on_what_was_met_before(tmp_path):
    """A resumed run, with new processes, draws what one with a long history draws."""
    names = mixed()
    old = build(tmp_path, names)
    history = {}
    for epoch in range(6):
        old.pipeline.transforms[0].set_epoch(7, epoch)
        history[epoch] = [draw(old, i) for i in np.random.default_rng(epoch).permutation(40)]
    for epoch in (3, 5):
        fresh = build(tmp_path, names, epoch=epoch)
        order = np.random.default_rng(epoch).permutation(40)
        found = {i: draw(fresh, i) for i in range(40)}  # in another order
        assert [found[i] for i in order] == history[epoch]
    sound = [i for i, name in enumerate(names) if name.startswith('sound')]
    for i in sound:  # untouched ones are what they were without broken_videos
        assert found[i] == draw(build(tmp_path, names, epoch=5, broken_videos='error'), i)
    assert not [name for samples in history.values() for name, _, _ in samples if 'broken' in name]
    replaced = [
        samples[list(np.random.default_rng(epoch).permutation(40)).index(3)]
        for epoch, samples in history.items()
    ]
    assert len({name for name, _, _ in replaced}) > 3  # another one in each epoch


@pytest.mark.parametrize('workers', [1, 3])
def test_draws_do_not_depend_on_the_number_of_workers(tmp_path, workers):
    names = mixed()
    expected = [draw(build(tmp_path, names), i) for i in range(40)]
    loader = DataLoader(build(tmp_path, names), num_workers=workers, batch_size=None, shuffle=False)
    assert [(sample['filename'], sample['start'], sample['crop']) for sample in loader] == expected
    paths = [line['path'] for line in listed(tmp_path)]
    assert len(paths) == len(set(paths))  # each once, though several workers met it


def test_a_replacement_has_draws_of_its_own(tmp_path):
    data = build(tmp_path, ['sound_0.mp4', 'broken_1.mp4', 'broken_2.mp4'], max_broken_share=1)
    first, second, third = (draw(data, i) for i in range(3))
    assert (
        first[0] == second[0] == third[0] == 'sound_0.mp4'
        and len({first[1:], second[1:], third[1:]}) == 3
    )


def test_known_files_are_not_opened_again(tmp_path):
    data = build(tmp_path, mixed())
    for _ in range(5):
        for i in range(40):
            data[i]
    opened = [name for name in OpenInit.opened if 'broken' in name]
    assert sorted(opened) == ['broken_13.mp4', 'broken_23.mp4', 'broken_3.mp4', 'broken_33.mp4']


def test_without_seeds(tmp_path):
    """Without SeedAugmentations, or a hook to announce the epoch, other samples are still drawn."""
    for pipeline in (SEEDED[1:], SEEDED):
        data = build(tmp_path, ['sound_0.mp4', 'broken_1.mp4', 'sound_2.mp4'], pipeline)
        getattr(data.pipeline.transforms[0], 'set_epoch', lambda *_: None)(0, -1)
        assert {data[1]['filename'] for _ in range(40)} == {
            'sound_0.mp4',
            'sound_2.mp4',
        }  # missed once in 2**39
    data = build(tmp_path, mixed(), SEEDED[1:])
    data.set_draw_epoch(0, 4)  # by BrokenMediaHook
    rows = {tuple(row for _, row in zip(range(5), data._other_rows(3))) for _ in range(3)}
    assert len(rows) == 1


def test_listed_once_also_after_resume(tmp_path):
    for _ in range(2):  # the second is the resumed run
        data = build(tmp_path, ['sound_0.mp4', 'broken_1.mp4', 'sound_2.mp4'])
        for _ in range(10):
            data[1]
        assert listed(tmp_path) == [
            dict(video_id='broken_1', path='broken_1.mp4', reason='ValueError: moov atom not found')
        ]


def test_a_cut_line_of_a_killed_run(tmp_path):
    (tmp_path / 'failed.jsonl').write_text('{"video_id": "a", "pa')
    build(tmp_path, ['sound_0.mp4', 'broken_1.mp4'])[1]
    assert (
        json.loads((tmp_path / 'failed.jsonl').read_text().splitlines()[1])['path']
        == 'broken_1.mp4'
    )


def test_nothing_is_written_where_no_place_was_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = build(tmp_path, ['sound_0.mp4', 'broken_1.mp4'], failed_file=None)
    assert data[1]['filename'] == 'sound_0.mp4' and sorted(os.listdir()) == ['list.txt']
    data.failed.begin(
        'work'
    )  # what the hook does; the file met before is listed when it is met again
    data[1]
    assert [line['path'] for line in map(json.loads, open('work/failed.jsonl'))] == ['broken_1.mp4']


def test_too_many_broken_files_end_the_run(tmp_path):
    names = [f'sound_{i}.mp4' for i in range(37)] + [f'broken_{i}.mp4' for i in range(3)]
    data = build(tmp_path, names, max_broken_share=0.05)
    assert [data[i]['filename'][:5] for i in (37, 38)] == ['sound'] * 2  # 2 of 40 is 5 %
    with pytest.raises(
        RuntimeError,
        match=(
            r'list\.txt: 3 of 40 samples \(7\.5%\) are of files that cannot be read, more than '
            r'max_broken_share=0\.05 allows; found: 3 files, listed in .*failed\.jsonl; '
            r'.* set train_dataloader\.dataset\.max_broken_share higher'
        ),
    ):
        data[39]
    again = build(
        tmp_path, names, max_broken_share=0.05
    )  # after repair: what an earlier run listed does not count
    again[37]
    with pytest.raises(ValueError, match='max_broken_share must be from 0 to 1, got 5'):
        build(tmp_path, names, max_broken_share=5)


def test_the_share_is_that_of_the_samples(tmp_path):
    """One file may be many rows of a list."""
    with pytest.raises(RuntimeError, match=r'2 of 4 samples \(50\.0%\)'):
        build(
            tmp_path,
            ['sound_0.mp4', 'broken_1.mp4', 'broken_1.mp4', 'sound_2.mp4'],
            max_broken_share=0.4,
        )[1]


def test_workers_share_the_count(tmp_path):
    """Each of 4 workers meets a quarter of the broken files; together they pass the limit."""
    names = ['broken' * (i % 10 == 0) + f'_{i}.mp4' for i in range(80)]
    loader = DataLoader(
        build(tmp_path, names, max_broken_share=0.06), num_workers=4, batch_size=None
    )
    with pytest.raises(RuntimeError, match=r'5 of 80 samples \(6\.2%\)') as caught:
        for _ in loader:
            pass
    # Otherwise the garbage collector frees the loader's queues before it can end its workers, and
    # PyTorch waits 5 s for each.
    traceback.clear_frames(caught.tb)


def test_no_sample_at_all(tmp_path):
    with pytest.raises(
        RuntimeError,
        match='no sample can be read in place of number 1 .*broken_1.mp4.*correct data_prefix',
    ):
        build(tmp_path, ['broken_0.mp4', 'broken_1.mp4'], max_broken_share=1)[1]


def test_a_transform_that_gives_nothing(tmp_path):
    """The host draws from a generator that was just seeded, which gives the same index for ever."""
    data = build(tmp_path, [f'sound_{i}.mp4' for i in range(10)], broken_videos='error')
    data.pipeline.transforms.append(
        lambda results: None if results['filename'] == 'sound_4.mp4' else results
    )
    names = []
    for epoch in range(30):
        data.pipeline.transforms[0].set_epoch(0, epoch)
        names.append(data[4]['filename'])
    assert 'sound_4.mp4' not in names and len(set(names)) > 3
    assert not (tmp_path / 'failed.jsonl').exists()  # no file is broken


# ---- whose fault it is


def fail_with(error):
    class Failing(BaseTransform):
        def transform(self, results):
            raise error

    return Failing()


@pytest.mark.parametrize(
    'error', [ValueError('no'), KeyError('imgs'), RuntimeError('x'), OSError('y'), IndexError('z')]
)
def test_errors_of_other_transforms_are_theirs(tmp_path, error):
    data = build(tmp_path, ['sound_0.mp4', 'sound_1.mp4'])
    data.pipeline.transforms.append(fail_with(error))
    with pytest.raises(type(error), match=str(error).strip("'")):
        data[0]
    assert not (tmp_path / 'failed.jsonl').exists()


@pytest.mark.parametrize(
    'steps, error, message',
    [
        (
            [dict(type='ClipReaderInit'), dict(type='DecordDecode')],
            KeyError,
            'frame_inds',
        ),  # no step that samples
        ([dict(type='DecordInit', io_backend='no_such')], ValueError, 'no_such'),
        ([dict(type='RawFrameDecode')], KeyError, 'frame_dir'),
        (
            [
                dict(type='ClipReaderInit'),
                dict(type='SampleFrames', clip_len=4),
                dict(type='DecordDecode', mode='efficient'),
            ],
            AttributeError,
            'seek',
        ),
    ],
)
def test_wrong_configs_are_not_called_broken_videos(tmp_path, steps, error, message):
    noise_video(tmp_path / 'a.mp4', seed=0, num_frames=8)
    noise_video(tmp_path / 'b.mp4', seed=1, num_frames=8)
    data = build(tmp_path, ['a.mp4', 'b.mp4'], steps, data_prefix=dict(video=str(tmp_path)))
    with pytest.raises(error, match=message):
        data[0]
    assert not (tmp_path / 'failed.jsonl').exists()


@pytest.mark.parametrize(
    'opening, decoding',
    [
        ('PyAVInit', 'PyAVDecode'),
        ('DecordInit', 'DecordDecode'),
        ('OpenCVInit', 'OpenCVDecode'),
        ('ClipReaderInit', 'DecordDecode'),
    ],
)
def test_sound_without_a_picture_is_named_by_the_hosts_readers_too(tmp_path, opening, decoding):
    pytest.importorskip('decord' if opening == 'DecordInit' else 'cv2')
    av = pytest.importorskip('av')
    with av.open(str(tmp_path / 'a.mp4'), 'w') as file:
        stream = file.add_stream('aac', rate=16000)
        frame = av.AudioFrame(format='fltp', layout='mono', samples=1024)
        for plane in frame.planes:
            plane.update(bytes(plane.buffer_size))
        frame.sample_rate = 16000
        file.mux([*stream.encode(frame), *stream.encode()])
    data = build(
        tmp_path,
        ['a.mp4'],
        [dict(type=opening), dict(type='SampleFrames', clip_len=4), dict(type=decoding)],
        broken_videos='error',
        data_prefix=dict(video=str(tmp_path)),
    )
    with pytest.raises(RuntimeError, match=r'a\.mp4: cannot be read \((?!.*\d\d:\d\d:\d\d)'):
        data[0]


def test_trouble_of_store_and_machine_is_not_the_videos(tmp_path, monkeypatch):
    data = build(tmp_path, ['sound_0.mp4', 'sound_1.mp4'])
    for error in (
        TargetStoreError('shard is damaged'),
        MemoryError(),
        OSError(24, 'Too many open files'),
    ):
        monkeypatch.setattr(
            OpenInit, 'transform', lambda self, results, error=error: (_ for _ in ()).throw(error)
        )
        with pytest.raises(type(error)):
            data[0]


def test_a_compose_of_another_kind_sees_every_step(tmp_path):
    """MMAction2's browse_dataset.py puts one in place of the data set's."""
    data = build(tmp_path, ['sound.mp4'], num_repeats=2)
    seen = []

    class Inspect(MMEngineCompose):
        def __call__(self, results):
            for step in self.transforms:
                results = step(results)
                seen.append(type(step).__name__)
            return results

    data.pipeline = Inspect(data.pipeline.transforms)
    assert data[0]['filename'] == 'sound.mp4'  # one sample
    assert seen == ['SeedAugmentations', 'OpenInit', 'PartlyDecode']


CLIP = [dict(type='SampleClampedFrames', clip_len=4, frame_interval=2), dict(type='RawFrameDecode')]


@pytest.mark.parametrize(
    'content, reason',
    [
        (None, 'no such file: .*frame_0000000002.jpg'),
        (b'', 'frame_0000000002.jpg: cannot be decoded'),
        (b'<html>404</html>', 'frame_0000000002.jpg: cannot be decoded'),
        ('half', 'frame_0000000002.jpg: is cut off'),
    ],
)
def test_damaged_frames(tmp_path, content, reason):
    """In frame folders: a missing picture, an empty one (full disk), another file, half of one."""
    options = finetune_data.epic100(tmp_path)
    picture = tmp_path / 'P01/rgb_frames/P01_101/frame_0000000002.jpg'
    picture.unlink()
    if content == 'half':
        whole = (picture.parent / 'frame_0000000003.jpg').read_bytes()
        content = whole[: len(whole) // 2]
    if content is not None:
        picture.write_bytes(content)
    data = DATASETS.build(dict(type='EpicKitchensDataset', pipeline=CLIP, **options))
    rows = [dict(data.get_data_info(0), segment_start=1, total_frames=1)]
    data.get_data_info = lambda index: dict(rows[0])
    with pytest.raises(
        RuntimeError,
        match=rf"P01_101: cannot be read \({reason}.*\); .* or set broken_videos='skip'",
    ):
        data[0]


def test_a_broken_picture_is_not_a_broken_folder(tmp_path):
    """Rows are frames 1, 2 and 3 of a folder; 1 and 2 are damaged, each one sample of three."""
    options = dict(
        finetune_data.epic100(tmp_path),
        type='EpicKitchensDataset',
        pipeline=CLIP,
        broken_videos='skip',
        failed_file=str(tmp_path / 'failed.jsonl'),
    )
    rows = finetune_data._epic_rows('P01', 'P01_101', [(number, number) for number in (1, 2, 3)])
    finetune_data.write_rows(
        tmp_path / 'list.csv', [dict(narration_id=str(i), **row) for i, row in enumerate(rows)]
    )
    pictures = [
        str(tmp_path / f'P01/rgb_frames/P01_101/frame_{number:010}.jpg') for number in (1, 2)
    ]
    for picture in pictures:
        open(picture, 'wb').write(b'damaged')
    data = DATASETS.build(dict(options, max_broken_share=0.67))
    assert [set(data[i]['frame_inds']) for i in range(3)] == [{3}] * 3
    assert sorted(line['path'] for line in listed(tmp_path)) == pictures
    limited = DATASETS.build(
        dict(options, max_broken_share=0.5, failed_file=str(tmp_path / 'limited.jsonl'))
    )
    with pytest.raises(RuntimeError, match=r'2 of 3 samples \(66\.7%\)'):
        [limited[i] for i in range(3)]


@pytest.mark.parametrize(
    'kind, make',
    [
        ('EpicKitchensDataset', finetune_data.epic100),
        ('Ego4DFHODataset', finetune_data.ego4d),
        ('EgoExo4DKeystepDataset', finetune_data.egoexo4d_keystep),
        ('CharadesEgoDataset', finetune_data.charades_ego),
    ],
)
def test_every_data_set_has_the_options(tmp_path, kind, make):
    """The media of the first row are damaged: named, or skipped and listed."""
    options = make(tmp_path)
    steps = (
        CLIP
        if 'img' in options['data_prefix']
        else [
            dict(type='ClipReaderInit'),
            dict(type='TrimSegment'),
            CLIP[0],
            dict(type='DecordDecode'),
        ]
    )
    data = DATASETS.build(dict(type=kind, pipeline=steps, **options))
    first = data.get_data_info(0)
    path = first.get('filename') or first['frame_dir']
    for picture in (
        [path] if os.path.isfile(path) else [os.path.join(path, name) for name in os.listdir(path)]
    ):
        open(picture, 'wb').write(b'damaged')
    with pytest.raises(RuntimeError, match=f'{path}: cannot be read .*broken_videos='):
        data[0]
    others = [
        i
        for i in range(len(data))
        if (data.get_data_info(i).get('filename') or data.get_data_info(i)['frame_dir']) != path
    ]
    skipping = DATASETS.build(
        dict(
            type=kind,
            pipeline=steps,
            broken_videos='skip',
            max_broken_share=1 if others else 0,
            failed_file=str(tmp_path / 'failed.jsonl'),
            **options,
        )
    )
    if others:
        assert skipping[0]['imgs'] and path in (
            listed(tmp_path)[0]['path'],
            os.path.dirname(listed(tmp_path)[0]['path']),
        )
        assert listed(tmp_path)[0]['video_id'] == first['video_id']
    else:  # all rows are of that video
        with pytest.raises(
            RuntimeError, match=r'1 of \d+ samples .* are of files that cannot be read'
        ):
            skipping[0]


def test_replacements_are_spread_over_the_list(tmp_path):
    """Each of 64 rows is as likely: 64,000 draws give 1,000 each, standard deviation 31."""
    data = build(tmp_path, [f'sound_{i}.mp4' for i in range(64)])
    rows = [row for idx in range(64) for (_, row), _ in zip(data._other_rows(idx), range(1000))]
    counts = np.bincount(rows, minlength=64)
    assert abs(counts - 1000).max() < 5 * 31.4
