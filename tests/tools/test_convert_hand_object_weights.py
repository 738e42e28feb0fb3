"""The converter of the hand-object detector, under its former name as a command.

That the result computes the same is in tests/detectors.
"""

import json
import pickle
from pathlib import Path

import pytest
import torch

from egoexo_mm.checkpoints.hand_object import ego_warning, read_weights
from tests.scripts import load_script

ROOT = Path(__file__).parents[2]
KEYS = json.loads((ROOT / 'tests' / 'data' / 'golden' / 'hand_object' / 'keys.json').read_text())


tool = load_script('tools/convert_hand_object_weights.py')


def state():
    """Every name and shape of the original; one stored number each, so that files are small."""
    return {key: torch.zeros(()).expand(info['shape']) for key, info in KEYS.items()}


@pytest.fixture
def checkpoint():
    return {
        'session': 1,
        'epoch': 8,
        'model': state(),
        'optimizer': {'param_groups': [{'lr': 1e-3}]},
        'pooling_mode': 'align',
        'class_agnostic': False,
    }


@pytest.fixture
def convert(tmp_path):
    def run(checkpoint, name='faster_rcnn_1_8_132028.pth'):
        torch.save(checkpoint, tmp_path / name)
        tool.main([str(tmp_path / name), str(tmp_path / 'out.pth')])
        return torch.load(tmp_path / 'out.pth', weights_only=True)

    return run


def test_names_and_order(checkpoint, convert, capsys):
    model = checkpoint['model']
    model['RCNN_rpn.RPN_cls_score.bias'] = torch.arange(24.0)  # 12 background, 12 foreground
    model['RCNN_cls_score.bias'] = torch.tensor([0.0, 1, 2])  # background, object, hand
    model['RCNN_bbox_pred.bias'] = torch.arange(12.0)
    model['RCNN_base.6.22.conv3.weight'] = torch.ones(1).expand(1024, 256, 1, 1)
    converted = convert(checkpoint)
    found = converted['state_dict']
    assert len(found) == len(KEYS) == 642
    assert found['rpn_head.rpn_cls.bias'].tolist() == [x for a in range(12) for x in (12 + a, a)]
    assert found['roi_head.bbox_head.fc_cls.bias'].tolist() == [1, 2, 0]
    assert found['roi_head.bbox_head.fc_reg.bias'].tolist() == [4, 5, 6, 7, 8, 9, 10, 11]
    assert found['backbone.layer3.22.conv3.weight'].mean() == 1
    assert (
        converted['meta']['converted_from'] == 'faster_rcnn_1_8_132028.pth'
        and len(converted['meta']['sha256']) == 64
    )
    assert 'hand_object_r101_c4.py' in (said := capsys.readouterr().out) and 'warning' not in said


@pytest.mark.parametrize('name', ['faster_rcnn_1_8_132028.pth', 'faster_rcnn_1_8_89999.pth'])
def test_reading_the_original_is_reading_what_it_converts_to(checkpoint, convert, tmp_path, name):
    checkpoint['model']['RCNN_cls_score.bias'] = torch.tensor([0.0, 1, 2])
    convert(checkpoint, name)
    (original, one), (converted, other) = (
        read_weights(tmp_path / file) for file in (name, 'out.pth')
    )
    assert one == other == name and (ego_warning(one) is None) == ('132028' in name)
    assert original.keys() == converted.keys()
    assert all(torch.equal(value, converted[key]) for key, value in original.items())


def test_old_checkpoints_lack_counters(checkpoint, convert):
    checkpoint['model'] = {
        key: value for key, value in state().items() if not key.endswith('num_batches_tracked')
    }
    assert len(convert(checkpoint)['state_dict']) == len(checkpoint['model'])


def test_model_without_ego_video_is_named(checkpoint, convert, capsys):
    convert(checkpoint, 'faster_rcnn_1_8_89999.pth')
    assert (
        'warning: by its name this model saw no egocentric video; '
        'its published All-AP there is 12.7' in capsys.readouterr().out
    )


class Evil:
    def __reduce__(self):
        return print, ('gotcha',)


def without(key):
    return lambda c: c['model'].pop(key)


@pytest.mark.parametrize(
    'change, words',
    [
        (
            without('RCNN_base.4.0.conv1.weight'),
            r'has 1 missing key \(RCNN_base\.4\.0\.conv1\.weight\); expected the weights of',
        ),
        (
            lambda c: c['model'].update(extra=torch.zeros(1)),
            r'has 1 unknown key \(extra\); expected the weights of',
        ),
        (
            lambda c: c['model'].update({'RCNN_cls_score.weight': torch.zeros(1).expand(21, 2048)}),
            r'has 1 key of another shape '
            r'\(RCNN_cls_score\.weight \(21, 2048\) instead of \(3, 2048\)\); expected the weights',
        ),
        (
            lambda c: c.update(pooling_mode='pool'),
            r"pooling_mode is 'pool'; expected a model trained with RoIAlign",
        ),
        (lambda c: c.pop('model'), r'no weights under `model` .* expected a checkpoint of Shan'),
        (
            lambda c: c.update(args=Evil()),
            r'needs __builtin__.print to be loaded, which could run code, and is refused',
        ),
    ],
)
def test_bad_input(checkpoint, convert, tmp_path, capsys, change, words):
    change(checkpoint)
    with pytest.raises(SystemExit, match=f'error: .*faster_rcnn_1_8_132028.pth.*{words}') as stop:
        convert(checkpoint)
    assert '\n' not in str(stop.value) and 'gotcha' not in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ['faster_rcnn_1_8_132028.pth']


def test_plain_pickle_is_refused(tmp_path):
    (tmp_path / 'in.pth').write_bytes(pickle.dumps(Evil()))
    with pytest.raises(SystemExit, match='in.pth'):
        tool.main([str(tmp_path / 'in.pth'), str(tmp_path / 'out.pth')])
