"""What teachers cost: frames of a video, hours of a core, and a run over small teachers."""

import json
from importlib import util
from pathlib import Path

import pytest
from mmengine.config import Config

from tests.engine import extraction_case  # noqa: F401  (registers ColourTeacher)
from tests.scripts import load_script


@pytest.fixture
def tool(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / 'tools' / 'benchmarks'))
    return load_script('tools/benchmarks/teacher_costs.py')


@pytest.mark.parametrize(
    'config, frames',
    [('hand_object_k400', 75), ('object_score_k400', 16), ('ego_score_k400', 10 * 32)],
)
def test_frames_of_a_video(tool, config, frames):
    """10 s at 30 fps: every fourth of 300 frames, 16 frames, 10 clips of 32."""
    plan = Config.fromfile(tool.CONFIGS / f'{config}.py').test_dataloader.dataset.plan
    assert tool.frames_of_video(plan, 300, 30) == frames


def test_hours(tool):
    assert tool.core_hours(0.36, 10) == pytest.approx(1)  # 1,000 videos x 10 frames x 0.36 s


def test_every_teacher_has_a_config(tool):
    for _, config, _ in tool.TEACHERS:
        assert 'type' in Config.fromfile(tool.CONFIGS / f'{config}.py').model


def test_run(tool, tmp_path, monkeypatch, capsys):
    """A teacher that is there, and one whose package is not."""
    plan = "test_dataloader = dict(dataset=dict(plan=dict(type='EvenFrames', num_frames=8)))\n"
    (tmp_path / 'colours.py').write_text(f"model = dict(type='ColourTeacher')\n{plan}")
    (tmp_path / 'words.py').write_text(
        f"model = dict(type='ZeroShotEgoTeacher', model=dict(kind='open_clip', name='x'))\n{plan}"
    )
    monkeypatch.setattr(tool, 'CONFIGS', tmp_path)
    monkeypatch.setattr(tool, 'TEACHERS', (('Colours', 'colours', {}), ('Words', 'words', {})))
    monkeypatch.setitem(__import__('sys').modules, 'open_clip', None)
    options = ['--rounds', '2', '--least', '0', '--size', '64', '48']
    rows = tool.main([*options, '--json', str(tmp_path / 'rows.json')])
    assert [(row['teacher'], row['frames a video']) for row in rows] == [
        ('decoding', 300),
        ('Colours', 8),
    ]
    assert json.loads((tmp_path / 'rows.json').read_text()) == rows
    for row in rows:
        seconds = row['core-seconds a frame']
        assert 0 < seconds < 1
        assert row['core-hours a 1,000 videos'] == pytest.approx(
            seconds * row['frames a video'] / 3.6
        )
    assert 'left out Words: open_clip does not import' in capsys.readouterr().err


@pytest.mark.skipif(not util.find_spec('transformers'), reason='transformers is not installed')
def test_geometry_of_clip(tool, tmp_path):
    """ViT-B/32: 12 layers of 768 over 7 x 7 patches, features of 512."""
    from transformers import AutoConfig, AutoTokenizer

    tool.write_clip_folder(tmp_path)
    config = AutoConfig.from_pretrained(tmp_path)
    vision = config.vision_config
    assert (vision.num_hidden_layers, vision.hidden_size, vision.patch_size) == (12, 768, 32)
    assert (vision.image_size, config.projection_dim) == (224, 512)
    assert len(AutoTokenizer.from_pretrained(tmp_path)('a cup').input_ids) == 6  # with both ends
