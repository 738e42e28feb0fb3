"""A published folder loads, and its card says what the files say and no more."""

import hashlib
import json
import os
import re

import pytest
import torch
import yaml
from mmengine.config import Config

from egoexo_mm.checkpoints.reading import read_checkpoint, sha256_of
from egoexo_mm.commands.publish import main
from egoexo_mm.export.model_card import read_metrics
from egoexo_mm.targets import Manifest, StoreWriter
from tests.models.backbone_cases import CASES, build

SHA = 'ab' * 32


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Config, checkpoint, metrics file, and a target store that the config names."""
    folder = tmp_path_factory.mktemp('trained')
    manifest = Manifest('ego_score', 'k400', 'some teacher', SHA, 'logits', notes='two\nlines')
    with StoreWriter(folder / 'ego', manifest) as writer:
        writer.add_scores('a', [0.0, 1.0])
    targets = dict(ego_score=str(folder / 'ego'), object_score=str(folder / 'gone'))
    cfg = Config(
        dict(
            model=CASES['VideoMAE'].ours(),
            load_from='start.pth',
            train_dataloader=dict(
                dataset=dict(type='VideoTargetDataset', ann_file='x/train.txt', targets=targets)
            ),
            test_dataloader=dict(dataset=dict(ann_file='x/val.txt')),
        )
    )
    cfg.dump(folder / 'mine.py')
    weights = build(cfg.model).state_dict()
    meta = dict(epoch=3, iter=90, cfg='/home/someone', dataset_meta=dict(classes=['a', 'b']))
    checkpoint = dict(state_dict=weights, meta=meta, optimizer=dict(state=torch.ones(9)))
    torch.save(checkpoint, folder / 'epoch_3.pth')
    (folder / 'm.json').write_text(json.dumps({'acc/top1': 0.5, 'data_time': 1.5, 'time': 2}))
    return folder


def publish(trained, out, *options):
    return main([str(trained / 'mine.py'), str(trained / 'epoch_3.pth'), str(out), *options])


def card(out):
    text = (out / 'README.md').read_text(encoding='utf-8')
    _, front, body = text.split('---\n', 2)
    return yaml.safe_load(front), body


@pytest.fixture(scope='module')
def published(trained, tmp_path_factory):
    out = tmp_path_factory.mktemp('published') / 'model'
    options = ['--metrics', str(trained / 'm.json'), '--license', 'cc-by-nc-4.0', '--dataset']
    assert publish(trained, out, *options, 'acme/videos') == 0
    return out


def test_the_weights_are_stripped_and_named_after_their_hash(trained, published):
    (weights,) = published.glob('mine-*')
    assert weights.name == f'mine-{sha256_of(weights)[:8]}.safetensors'
    assert {path.name for path in published.iterdir()} == {weights.name, 'config.py', 'README.md'}
    found = read_checkpoint(weights)
    assert found['meta'] == dict(epoch=3, iter=90, dataset_meta=dict(classes=['a', 'b']))
    before = torch.load(trained / 'epoch_3.pth')['state_dict']
    kept = {name for name in before if not name.startswith('aux_heads.')}
    assert set(found['state_dict']) == kept and len(kept) < len(before)
    assert all(torch.equal(found['state_dict'][name], before[name]) for name in kept)


def test_the_front_matter_is_that_of_the_hub(published):
    front, _ = card(published)
    assert front['library_name'] == 'egoexo_mm'
    assert front['pipeline_tag'] == 'video-classification'
    assert front['license'] == 'cc-by-nc-4.0' and front['datasets'] == ['acme/videos']
    assert 'VisionTransformer' in front['tags'] and front['metrics'] == ['accuracy']
    (index,) = front['model-index']
    (result,) = index['results']
    assert index['name'] == 'mine' and result['task']['type'] == 'video-classification'
    assert result['dataset'] == dict(type='acme/videos', name='acme/videos')
    assert result['metrics'] == [dict(type='accuracy', value=0.5, name='acc/top1')]


def test_the_card_says_which_teachers_and_targets(trained, published):
    _, body = card(published)
    shards = sorted([trained / 'ego' / 'manifest.json', *(trained / 'ego').glob('*.arrow')])
    listed = ''.join(f'{sha256_of(path)}  {path.name}\n' for path in shards)
    digest = hashlib.sha256(listed.encode()).hexdigest()
    assert len(shards) == 2 and f'targets SHA-256 `{digest}`' in body
    assert f"teacher 'some teacher' on 'k400'; weights of the teacher SHA-256 `{SHA}`" in body
    assert 'notes: two lines' in body
    assert re.search('`object_score`, store `.*gone`: absent .* teacher is unknown', body)
    assert '| started from | start.pth |' in body and '| epoch | 3 |' in body
    assert '| `acc/top1` | 0.5 |' in body and 'time' not in body.partition('## Metrics')[2][:200]
    assert 'Stated by whoever published this model: `cc-by-nc-4.0`' in body


def test_the_code_of_the_card_runs(trained, published, monkeypatch):
    _, body = card(published)
    monkeypatch.chdir(published)
    scope = {}
    exec(re.search('```python\n(.*?)```', body, re.DOTALL)[1], scope)
    own = scope['model'].state_dict()
    before = torch.load(trained / 'epoch_3.pth')['state_dict']
    same = {name for name in own if torch.equal(own[name], before[name])}
    assert same >= {name for name in own if not name.startswith('aux_heads.')}


def test_what_is_not_known_is_said(trained, tmp_path, capsys):
    out = tmp_path / 'new' / 'model'
    assert publish(trained, out, '--format', 'pth', '--keep-aux', '--name', 'other') == 0
    front, body = card(out)
    assert not {'license', 'datasets', 'metrics', 'model-index'} & set(front)
    assert 'how well this model scores is unknown' in body
    assert '## Licence\n\nNot stated.' in body
    (weights,) = out.glob('other-????????.pth')
    names = torch.load(weights, weights_only=True)['state_dict']
    assert any(name.startswith('aux_heads.') for name in names)
    assert 'are not in the file' not in body
    assert f'wrote {weights}' in capsys.readouterr().out


def test_what_is_refused_leaves_nothing(trained, tmp_path, capsys):
    (tmp_path / 'full').mkdir()
    (tmp_path / 'full' / 'a').touch()
    (tmp_path / 'no.json').write_text('{"time": 1}')
    weights = torch.load(trained / 'epoch_3.pth')['state_dict']
    other = {name: w for name, w in weights.items() if name != 'backbone.norm.weight'}
    other['backbone.more'] = torch.ones(1)
    torch.save(dict(state_dict=other), tmp_path / 'other.pth')
    out = tmp_path / 'out'
    config = str(trained / 'mine.py')
    for arguments, said in (
        ([str(trained / 'epoch_3.pth'), str(tmp_path / 'full')], 'is not an empty folder'),
        ([str(tmp_path / 'none.pth'), str(out)], 'none.pth is not a file'),
        ([str(tmp_path / 'other.pth'), str(out)], 'do not fit: 1 unknown key'),
        (
            [str(trained / 'epoch_3.pth'), str(out), '--metrics', str(tmp_path / 'no.json')],
            'no.json: has no metrics',
        ),
    ):
        assert main([config, *arguments]) == 1
        error = capsys.readouterr().err
        assert said in error and error.count('\n') == 1, error
    assert not out.exists() or not os.listdir(out)


def test_metrics_of_a_log(tmp_path):
    rows = [{'loss': 1.0, 'step': 1}, {'acc/top1': 0.25, 'step': 2}, {'acc/top1': 0.75, 'time': 1}]
    path = tmp_path / 'scalars.json'
    path.write_text('\n'.join(map(json.dumps, rows)) + '\n')
    assert read_metrics(path) == {'acc/top1': 0.75}
    path.write_text('acc: 1')
    with pytest.raises(ValueError, match=r'scalars.json: not JSON \(line 1'):
        read_metrics(path)
