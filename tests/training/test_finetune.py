"""Fine-tuning end to end on each data set's layout: train, resume, 10 x 3 views, metrics, dump."""

import json
import sys
import zipfile
from pathlib import Path

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config

import egoexo_mm  # noqa: F401
from egoexo_mm.evaluation.dumps import read_dump
from tests import finetune_data
from tests.tiny import CONFIG as TINY
from tests.training.runs import HOST_TOOLS, OUR_TOOLS, launch, log, metrics, test, train

CONFIGS = Path(__file__).parents[2] / 'configs' / 'finetune'
CASES = {  # layout -> (shipped config, losses, a metric of the test)
    'charades_ego': (
        'charades_ego/egoexo_star_slowfast_r50_charades_ego.py',
        {'loss_cls', 'loss_hand', 'loss_held_object'},
        'mAP',
    ),
    'epic55': ('epic55/slowfast_r50_epic55.py', {'loss_verb', 'loss_noun'}, 'acc/verb_top1'),
    'epic100': (
        'epic100/egoexo_star_slowfast_r50_epic100.py',
        {'loss_verb', 'loss_noun', 'loss_hand', 'loss_held_object'},
        'acc/action_top5',
    ),
    'ego4d': ('ego4d/slowfast_r50_ego4d.py', {'loss_verb', 'loss_noun'}, 'acc/noun_top5'),
    'egoexo4d_keystep': ('egoexo4d_keystep/slowfast_r50_keystep.py', {'loss_cls'}, 'top1'),
}
SMALL = dict(
    RandomRescaleCrop=dict(scale_range=(64, 80), size=64),
    CenterCrop=dict(crop_size=64),
    Resize=dict(scale=(-1, 96)),
    UniformThreeCrop=dict(crop_size=96),
    SampleClampedFrames=dict(clip_len=16),
)


def pretrained(path: Path) -> str:
    """A checkpoint as pre-training of the tiny SlowFast leaves it."""
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(TINY).model)
    model.init_weights()
    torch.save(dict(state_dict=model.state_dict(), meta={}), path)
    return str(path)


def shrunk(shipped: str, data: dict, root: Path) -> Config:
    """The shipped config on small media with a small backbone."""
    cfg = Config.fromfile(CONFIGS / shipped)
    tiny = Config.fromfile(TINY).model
    cfg.model.backbone = tiny.backbone
    cfg.model.cls_head.update(in_channels=144, pool_size=2)
    if 'aux_heads' in cfg.model:
        cfg.model.aux_heads.interaction_map.update(in_channels=128, mid_channels=8)
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = cfg[name]
        loader.update(
            batch_size=1 if name == 'test_dataloader' else 2,
            num_workers=0,
            persistent_workers=False,
        )
        loader.dataset.update(data)
        if 'targets' in loader.dataset:
            loader.dataset.targets = dict(interaction_map=str(root / 'boxes'))
        for step in loader.dataset.pipeline:
            step.update(
                {key: value for key, value in SMALL.get(step['type'], {}).items() if key in step}
            )
    if 'tail_verbs' in cfg.test_evaluator:
        cfg.test_evaluator.update(
            tail_verbs=str(root / 'tail_verbs.csv'), tail_nouns=str(root / 'tail_nouns.csv')
        )
    cfg.train_cfg.update(max_epochs=2, val_begin=2, val_interval=2)
    cfg.default_hooks.checkpoint.interval = 1
    cfg.default_hooks.logger.interval = 1
    return cfg


def shrink(shipped: str, data: dict, root: Path) -> str:
    """The same as a file, from a checkpoint of pre-training."""
    cfg = shrunk(shipped, data, root)
    cfg.load_from = pretrained(root / 'pretrained.pth')
    cfg.dump(root / 'config.py')
    return str(root / 'config.py')


# EPIC-100 has verbs, nouns and frames, Charades-Ego several labels and videos; these repeat it
SLOW = ('epic55', 'ego4d', 'egoexo4d_keystep')


@pytest.fixture(
    scope='module',
    params=[pytest.param(name, marks=pytest.mark.slow) if name in SLOW else name for name in CASES],
)
def run(request, tmp_path_factory):
    """Two epochs of a data set, the second one resumed, and a test by MMAction2's own script."""
    root = tmp_path_factory.mktemp(request.param)
    shipped, losses, metric = CASES[request.param]
    config = shrink(shipped, getattr(finetune_data, request.param)(root), root)
    train(config, root / 'work', 'train_cfg.max_epochs=1')
    train(config, root / 'work', flags=('--resume',))
    test(
        config,
        root / 'work' / 'epoch_2.pth',
        root / 'test',
        '--dump',
        root / 'scores.pkl',
        tools=HOST_TOOLS,
    )
    return request.param, root, losses, metric


def test_losses(run):
    _, root, losses, _ = run
    records = log(root / 'work')
    assert [record['epoch'] for record in records] == [
        1,
        2,
    ]  # 3 samples in batches of 2, the rest dropped
    assert all(
        {name for name in record if name.startswith('loss_')} == losses for record in records
    )
    assert all(torch.isfinite(torch.tensor(record['loss'])) for record in records)


def test_metrics(run):
    _, root, _, metric = run
    found = metrics(root / 'test')
    assert [name for name in found if name.endswith(metric)], found


def test_dump(run):
    name, root, _, _ = run
    samples = read_dump(root / 'scores.pkl')
    assert len(samples) == 3
    scores = samples[0]['pred_score']
    sizes = (
        {key: len(value) for key, value in scores.items()}
        if isinstance(scores, dict)
        else len(scores)
    )
    assert (
        sizes
        == dict(
            charades_ego=157,
            epic55=dict(verb=125, noun=352),
            epic100=dict(verb=97, noun=300),
            ego4d=dict(verb=117, noun=521),
            egoexo4d_keystep=278,
        )[name]
    )


def test_submission(run):
    name, root, _, _ = run
    if name != 'epic100':
        pytest.skip('only EPIC-100 has a submission file')
    command = [sys.executable, OUR_TOOLS / 'epic_submission.py']
    launch(
        [
            *command,
            root / 'scores.pkl',
            '--out',
            root / 'submission',
            '--annotation',
            root / 'list.csv',
        ]
    )
    launch(
        [
            *command,
            '--check',
            root / 'submission' / 'submission.zip',
            '--annotation',
            root / 'list.csv',
        ]
    )
    with zipfile.ZipFile(root / 'submission' / 'submission.zip') as archive:
        results = json.loads(archive.read('test.json'))['results']
    assert sorted(results) == ['P01_101_0', 'P01_101_1', 'P01_101_2']


def test_two_ranks_measure_the_same(run, request):
    """Three samples do not divide evenly over two ranks."""
    name, root, _, _ = run
    if name not in ('charades_ego', 'epic100'):
        pytest.skip('the metrics of the other data sets are the same classes')
    if name == 'charades_ego' and not request.config.getoption('--slow'):
        pytest.skip('one of the two is enough; run with --slow')
    test(root / 'config.py', root / 'work' / 'epoch_2.pth', root / 'ranks', procs=2)
    one, two = metrics(root / 'test'), metrics(root / 'ranks')
    for unlike in ('data_time', 'time'):
        one.pop(unlike, None), two.pop(unlike, None)
    assert one == pytest.approx(two)
