"""A study of toy steps: one shared step, pre-trainings that cells share, fine-tuning and test."""

from __future__ import annotations

from pathlib import Path

from mmengine.config import Config

from study.plan import make_plan
from study.runner import Runner

ROOT = Path(__file__).parents[3]

STEP = str(Path(__file__).parent / 'study_step.py')
TEXT = """
steps = dict(
    world=dict(folder='world', command='{{python}} {step} train {{dir}} 0'),
    pretrain=dict(folder='pretrain/{{recipe}}/seed{{seed}}', needs=['world'],
                  config='{root}/model.py',
                  command='{{python}} {step} train {{dir}} 0 {{start}}', resume='--resume'),
    finetune=dict(folder='finetune/{{cell}}/seed{{seed}}', fresh='{{source}}', resume='--resume',
                  config='{root}/model.py',
                  command='{{python}} {step} train {{dir}} 0 {{start}} {{flag}}'),
    test=dict(folder='test/{{cell}}/seed{{seed}}', config='{root}/model.py',
              command='{{python}} {step} test {{dir}} {{score}}{{seed}} {{finetune}}/epoch_1.pth'))
cells = dict(
    scratch=dict(source='', score=1, flag='{scratch_flag}'),
    third_only=dict(source='from={{pretrain}}', recipe='third', score=2, flag=''),
    egoexo=dict(source='from={{pretrain}}', recipe='egoexo', score=3, flag=''),
    egoexo_star=dict(source='from={{pretrain}}', recipe='egoexo', score=4, flag='star'))
goals = ['test']
seeds = [0, 1]
env = dict(TOY='{root}')
baseline = 'third_only'
measures = dict(top1=dict(step='test', key='acc/top1', label='top-1'))
curves = ['pretrain', 'finetune']
"""


def write_study(root: Path, scratch_flag: str = '', extra: str = '') -> Path:
    """The config of the toy study; ``scratch_flag='fail'`` makes that cell's fine-tuning fail."""
    (root / 'model.py').write_text('optimizer = dict(lr=0.1)\n')
    path = root / 'study.py'
    path.write_text(TEXT.format(root=root, step=STEP, scratch_flag=scratch_flag) + extra)
    return path


def plan_of(root: Path, **kwargs):
    return make_plan(Config.fromfile(root / 'study.py'), root / 'out', **kwargs)


def run(root: Path, jobs: int = 4, **kwargs) -> tuple[bool, list[str]]:
    """Run what is not done; whether all is done, and what was said."""
    said: list[str] = []
    return Runner(plan_of(root, **kwargs), jobs=jobs, say=said.append).run(), said


def calls(root: Path, key: str) -> list[str]:
    """How a step was started, each time."""
    path = root / 'out' / key / 'calls.txt'
    return path.read_text().splitlines() if path.exists() else []
