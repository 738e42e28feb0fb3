"""Loss curves, learning rate and pictures in TensorBoard, W&B and MLflow: one line of a config."""

import json

import cv2
import numpy as np
import pytest

from tests.engine.test_draw_maps_hook import config, train
from tests.tiny import make_data

pytestmark = pytest.mark.slow

SCALARS = {'lr', 'loss', 'loss_cls', 'loss_ego', 'loss_object', 'loss_hand', 'loss_held_object'}


@pytest.fixture(scope='module')
def data(tmp_path_factory):
    root = tmp_path_factory.mktemp('data')
    make_data(root, 4)
    return root


def run(data, work_dir, backend):
    """An epoch with the picture of the maps; its lines of scalars and its picture as files."""
    cfg = config(data, work_dir, epochs=1)
    cfg.visualizer = dict(
        type='ActionVisualizer', vis_backends=[dict(type='LocalVisBackend'), backend]
    )
    runner = train(cfg)
    runner.visualizer.close()
    (log,) = work_dir.glob('*/vis_data/scalars.json')
    (picture,) = work_dir.glob('*/vis_data/vis_image/maps_1.png')
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert SCALARS <= set(lines[-1])
    return lines, cv2.imread(str(picture))[..., ::-1]


def test_tensorboard(data, tmp_path):
    pytest.importorskip('tensorboard')
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    lines, picture = run(data, tmp_path, dict(type='TensorboardVisBackend'))
    (events,) = tmp_path.glob('*/vis_data/events.out*')
    found = EventAccumulator(str(events)).Reload()
    assert SCALARS <= set(found.Tags()['scalars'])
    for name in SCALARS:
        assert [event.value for event in found.Scalars(name)] == pytest.approx(
            [line[name] for line in lines], rel=1e-5
        )
    (image,) = found.Images('maps')
    kept = cv2.imdecode(np.frombuffer(image.encoded_image_string, np.uint8), cv2.IMREAD_COLOR)
    assert image.step == 1 and np.array_equal(kept[..., ::-1], picture)


def test_wandb_offline(data, tmp_path, monkeypatch):
    wandb = pytest.importorskip('wandb')
    monkeypatch.setenv('WANDB_SILENT', 'true')
    backend = dict(type='WandbVisBackend', init_kwargs=dict(mode='offline', project='test'))
    _, picture = run(data, tmp_path, backend)
    wandb.finish()
    (file,) = tmp_path.rglob('run-*.wandb')
    written = file.read_bytes()
    assert all(name.encode() in written for name in SCALARS)
    (image,) = tmp_path.rglob('media/images/maps_*.png')
    assert np.array_equal(cv2.imread(str(image))[..., ::-1], picture)


def test_mlflow_files(data, tmp_path, monkeypatch):
    pytest.importorskip('mlflow')
    monkeypatch.setenv('MLFLOW_ALLOW_FILE_STORE', 'true')
    lines, picture = run(data, tmp_path, dict(type='MLflowVisBackend'))
    (run_dir,) = {path.parent.parent for path in tmp_path.rglob('metrics/loss_ego')}
    for name in SCALARS:
        rows = (run_dir / 'metrics' / name).read_text().splitlines()
        assert [float(row.split()[1]) for row in rows] == pytest.approx(
            [line[name] for line in lines], rel=1e-5
        )
    image = cv2.imread(str(run_dir / 'artifacts' / 'maps_1.png'))
    assert np.array_equal(image[..., ::-1], picture)
