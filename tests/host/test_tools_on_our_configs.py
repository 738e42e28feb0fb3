"""MMAction2's own tools on our kinds of configs; docs/host_tools.md has what each of them does."""

import runpy
import sys

import cv2
import mmengine
import numpy as np
import pytest
import torch
from mmaction.apis import inference_recognizer, init_recognizer
from mmaction.apis.inferencers import MMAction2Inferencer
from mmaction.registry import TRANSFORMS
from mmaction.visualization import ActionVisualizer
from mmengine.logging import MMLogger

import egoexo_mm  # noqa: F401
from egoexo_mm.__main__ import host_script
from egoexo_mm.compat.workaround import package_dir
from tests.host.tool_cases import KINDS, make_case

pytestmark = pytest.mark.slow

CLASSES = dict(k400=2, vit=2, epic=97 + 300, charades=157)
VIEWS = dict(k400=(16, 64), vit=(16, 32), epic=(16, 64), charades=(16, 64))  # frames, pixels
CAM_LAYER = 'backbone/slow_path/layer4/1/relu'


@pytest.fixture(scope='module', params=KINDS)
def case(request, tmp_path_factory):
    return make_case(request.param, tmp_path_factory.mktemp(request.param))


@pytest.fixture
def tool(case, monkeypatch, capsys):
    """Start a tool by its name, as ``python -m egoexo_mm run`` does; returns what it prints."""
    monkeypatch.chdir(case.root)
    monkeypatch.setenv('MPLBACKEND', 'Agg')
    MMLogger._instance_dict.clear()

    def run(name, *args):
        script = host_script(str(name))
        monkeypatch.setattr(sys, 'argv', [str(script), *map(str, args)])
        capsys.readouterr()
        runpy.run_path(str(script), run_name='__main__')
        return capsys.readouterr().out

    return run


def only(case, *kinds):
    if case.kind not in kinds:
        pytest.skip(f'not for {case.kind}, see docs/host_tools.md')


def test_print_config(case, tool):
    assert 'EgoExoDataPreprocessor' in tool('print_config', case.config)


def test_get_flops(case, tool):
    frames, pixels = VIEWS[case.kind]
    out = tool('get_flops', case.config, '--shape', 1, 3, frames, pixels, pixels)
    assert 'Flops: ' in out and 'Params: ' in out


def test_vis_scheduler(case, tool, tmp_path):
    pytest.importorskip('matplotlib')
    picture = tmp_path / 'lr.jpg'
    tool('vis_scheduler', case.config, '--dataset-size', 64, '--save-path', picture)
    assert cv2.imread(str(picture)).std() > 1


def test_vis_cam(case, tool, tmp_path):
    """GradCAM stacks the views of one crop each, so the test pipeline is that of validation."""
    pytest.importorskip('matplotlib')
    only(case, 'k400', 'charades')
    config = case.root / 'cam.py'
    config.write_text(f"_base_ = '{case.config.name}'\ntest_pipeline = _base_.val_pipeline\n")
    tool(
        *('vis_cam', config, case.checkpoint, case.video),
        *('--device', 'cpu', '--target-layer-name', CAM_LAYER),
    )


def test_eval_metric(case, tool):
    metric = dict(epic='acc/verb_top1', charades='mAP').get(case.kind, 'acc/top1')
    assert metric in tool('eval_metric', case.config, case.scores)


@pytest.mark.parametrize('source', ['scores', 'checkpoint'])
def test_confusion_matrix(case, tool, tmp_path, source):
    only(case, 'k400', 'vit')
    tool('confusion_matrix', case.config, getattr(case, source), '--out', tmp_path / 'matrix.pkl')
    matrix = mmengine.load(tmp_path / 'matrix.pkl')
    assert matrix.shape == (2, 2) and matrix.sum(1).tolist() == [3, 3]  # six videos of two classes


def test_report_accuracy(case, tool):
    only(case, 'k400', 'charades')  # the small ViT has two classes as well
    flags = ['--multi-label'] if case.kind == 'charades' else []
    out = tool('report_accuracy', '--preds', case.scores, '--coefficients', 1.0, *flags)
    assert ('MMit Average Precision' if flags else 'Top 1 Accuracy') in out


@pytest.mark.parametrize('mode', ['original', 'transformed', 'concat', 'pipeline'])
def test_browse_dataset(case, tool, tmp_path, monkeypatch, mode):
    """One video a sample; the last step's picture is the crop that training sees."""
    drawn = []
    monkeypatch.setattr(
        ActionVisualizer,
        'add_datasample',
        lambda self, name, video, *args, **kw: drawn.append(video),
    )
    tool('browse_dataset', case.config, tmp_path, '-n', 2, '-m', mode)
    frames, pixels = VIEWS[case.kind]
    height, width = 48, 64  # of all media
    assert [len(video) for video in drawn] == [frames, frames]
    shape = drawn[0][0].shape
    if mode == 'original':
        assert shape == (height, width, 3)
    elif mode == 'transformed':
        assert shape == (pixels, pixels, 3)
    else:
        assert shape[1] >= width + pixels  # side by side


def test_check_videos(case, tool, tmp_path, monkeypatch):
    """It takes MMAction2's class alone, which reads the same lists."""
    only(case, 'k400', 'vit')
    monkeypatch.delitem(TRANSFORMS._module_dict, 'RandomSampleFrames', raising=False)
    (case.root / 'videos' / 'clip_3.mp4').rename(case.root / 'moved.mp4')
    try:
        tool(
            *('check_videos', case.config, '--split', 'val', '--nproc', 1),
            *('--output-file', tmp_path / 'broken.txt'),
            *('--cfg-options', 'val_dataloader.dataset.type=VideoDataset'),
        )
    finally:
        (case.root / 'moved.mp4').rename(case.root / 'videos' / 'clip_3.mp4')
    assert (tmp_path / 'broken.txt').read_text().split() == [str(case.root / 'videos/clip_3.mp4')]


def test_clip_features(case, tool, tmp_path):
    """Mean features over frames and pixels: 128 of the slow and 16 of the fast pathway."""
    only(case, 'k400', 'vit')  # names of others are taken from lines of a list, which is a CSV file
    tool('clip_feature_extraction', case.config, case.checkpoint, tmp_path)
    found = mmengine.load(tmp_path / 'clip_1.mp4.pkl')
    assert found.shape == (dict(k400=144, vit=16)[case.kind],) and found.std() > 0


def test_demo(case, tool, tmp_path):
    """MMAction2's demo, which the wheel lacks, is this and printing."""
    model = init_recognizer(str(case.config), str(case.checkpoint), device='cpu')
    scores = inference_recognizer(model, str(case.video)).pred_score.tolist()
    assert len(scores) == CLASSES[case.kind]
    assert all(isinstance(score, float) for score in scores)
    parts = [scores[:97], scores[97:]] if case.kind == 'epic' else [scores]
    if case.kind != 'charades':
        assert [sum(part) for part in parts] == pytest.approx([1] * len(parts), abs=1e-5)


def test_inference_recognizer_equals_the_test(case):
    only(case, 'k400', 'vit')
    model = init_recognizer(str(case.config), str(case.checkpoint), device='cpu')
    for number, tested in enumerate(mmengine.load(case.scores)):
        found = inference_recognizer(model, str(case.root / 'videos' / f'clip_{number}.mp4'))
        assert torch.allclose(found.pred_score, tested['pred_score'], atol=1e-6)


def test_inferencer(case):
    inferencer = MMAction2Inferencer(str(case.config), str(case.checkpoint), device='cpu')
    (found,) = inferencer(str(case.video))['predictions']
    assert np.shape(found['rec_scores']) == (1, CLASSES[case.kind])


def test_publish_model(case, tool, tmp_path, monkeypatch):
    """torch >= 2.6 reads a checkpoint of training for it only where its switch says so."""
    monkeypatch.setenv('TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD', '1')
    tool('publish_model', case.checkpoint, tmp_path / 'published.pth')
    (path,) = tmp_path.glob('published_*.pth')
    published = torch.load(path, weights_only=False)
    assert 'optimizer' not in published and 'message_hub' not in published
    assert 'cls_head.fc_cls.weight' in published['state_dict'] or case.kind in ('epic', 'vit')


def test_analyze_logs(case, tool):
    pytest.importorskip('seaborn')
    assert 'average iter time' in tool('analyze_logs', 'cal_train_time', case.log)


def test_the_demo_script_is_not_in_the_wheel():
    """Else test_demo should start it."""
    assert not list((package_dir('mmaction') / '.mim').rglob('demo.py'))
