"""MMAction2's own scripts and Inferencer, in its checkout with our configs copied in."""

import sys

import pytest
import torch

from tests.host.checkout import make_checkout, run
from tests.tiny import make_data

CONFIG = 'configs/mine/tiny.py'
PLAIN = """
import egoexo_mm
from mmaction.apis.inferencers import ActionRecogInferencer
inferencer = ActionRecogInferencer('{config}', 'plain.pth', device='cpu')
found = inferencer('{video}', return_vis=False)['predictions'][0]
print('SCORES', len(found['pred_scores']), round(sum(found['pred_scores']), 4))
"""

pytestmark = pytest.mark.slow


@pytest.fixture(scope='module')
def checkout(tmp_path_factory):
    """A checkout with data, in which train.py has trained one epoch of two."""
    folder = make_checkout(tmp_path_factory.mktemp('mmaction2'))
    env = make_data(folder / 'data')
    run(
        folder,
        sys.executable,
        'tools/train.py',
        CONFIG,
        '--work-dir',
        'work',
        '--cfg-options',
        'train_cfg.max_epochs=1',
        'train_cfg.val_begin=9',
        **env,
    )
    return folder


@pytest.fixture
def env(checkout):
    return dict(TINY_DATA=str(checkout / 'data'))


def epoch(checkout, work_dir):
    return torch.load(checkout / work_dir / 'epoch_2.pth', weights_only=True)['meta']['epoch']


def test_resume(checkout, env):
    output = run(
        checkout,
        sys.executable,
        'tools/train.py',
        CONFIG,
        '--work-dir',
        'work',
        '--resume',
        '--cfg-options',
        'train_cfg.val_begin=9',
        **env,
    )
    assert 'resumed epoch: 1' in output and epoch(checkout, 'work') == 2


def test_dist_train(checkout, env):
    run(
        checkout,
        'bash',
        'tools/dist_train.sh',
        CONFIG,
        2,
        '--work-dir',
        'ranks',
        '--cfg-options',
        'train_cfg.val_begin=9',
        'train_dataloader.batch_size=2',
        PORT='29641',
        **env,
    )
    assert epoch(checkout, 'ranks') == 2


def test_slurm_train(checkout, env):
    run(
        checkout,
        'bash',
        'tools/slurm_train.sh',
        'part',
        'job',
        CONFIG,
        '--work-dir',
        'slurm',
        '--cfg-options',
        'train_cfg.val_begin=9',
        GPUS='1',
        **env,
    )
    assert epoch(checkout, 'slurm') == 2
    assert '--job-name=job' in (checkout / 'srun.txt').read_text()


def test_slurm_test(checkout, env):
    output = run(
        checkout,
        'bash',
        'tools/slurm_test.sh',
        'part',
        'job',
        CONFIG,
        'work/epoch_1.pth',
        '--work-dir',
        'tested',
        GPUS='1',
        **env,
    )
    assert 'acc/top1' in output


def test_stripped_checkpoint_in_the_inferencer_of_mmaction2(checkout, env):
    run(checkout, sys.executable, '-m', 'egoexo_mm', 'strip_aux', 'work/epoch_1.pth', 'plain.pth')
    video = sorted((checkout / 'data' / 'videos').iterdir())[0]
    output = run(checkout, sys.executable, '-c', PLAIN.format(config=CONFIG, video=video), **env)
    assert 'SCORES 2 1.0' in output  # probabilities of two classes
