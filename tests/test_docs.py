"""README and docs: links and anchors resolve, tools understand the commands, Python compiles, and
the quickstart runs."""

from __future__ import annotations

import argparse
import ast
import re
import runpy
import shlex
import sys
from pathlib import Path

import pytest
from mmengine.config import Config

ROOT = Path(__file__).parents[1]
DOCS = ROOT / 'docs'
PAGES = sorted([*ROOT.glob('*.md'), *DOCS.rglob('*.md'), ROOT / 'tools' / 'data' / 'README.md'])
_FENCE = re.compile(r'^```(\w*)\n(.*?)^```', re.MULTILINE | re.DOTALL)
_OURS = re.compile(
    r'(?<![\w/])((?:tools|configs|egoexo_mm|tests|docs)/[\w./]+\.(?:py|sh|md|ipynb|svg|png))'
)
PLACEHOLDERS = {'WxH': '456x256'}  # what a page leaves to the reader, and the parser would refuse
# launch script -> the script that gets its arguments, and which of the first ones those are
LAUNCHERS = {
    'dist_train.sh': ('train.py', [0], 2),
    'dist_test.sh': ('test.py', [0, 1], 3),
    'slurm_train.sh': ('train.py', [2], 3),
    'slurm_test.sh': ('test.py', [2, 3], 4),
}

each_page = pytest.mark.parametrize('page', PAGES, ids=lambda path: str(path.relative_to(ROOT)))


def read(path: Path) -> str:
    return path.read_text(encoding='utf-8')


def anchors(path: Path) -> set[str]:
    """Anchors of the headings of a page, as GitHub and MkDocs make them."""
    headings = re.findall(r'^#+ (.+)$', _FENCE.sub('', read(path)), re.MULTILINE)
    bare = [
        re.sub(r'[^\w\- ]', '', re.sub(r'\[([^\]]+)\]\([^)]*\)', r'\1', heading))
        for heading in headings
    ]
    return {heading.strip().lower().replace(' ', '-') for heading in bare}


def code_blocks(path: Path, *languages: str) -> list[str]:
    return [code for language, code in _FENCE.findall(read(path)) if language in languages]


def commands(path: Path) -> list[list[str]]:
    """The commands of a page's shell blocks as words, without variables in front and comments."""
    lines = (
        '\n'.join(code_blocks(path, 'bash', 'shell'))
        .replace('\\\n', ' ')
        .replace('&&', '\n')
        .splitlines()
    )
    split = [shlex.split(line, comments=True) for line in lines]
    return [
        words[next((i for i, word in enumerate(words) if not re.match('[A-Z_]+=', word)), 0) :]
        for words in split
        if words
    ]


def script_and_arguments(words: list[str]) -> tuple[Path, list[str]] | None:
    """The Python script of this repository that a command runs, and its arguments; else None."""
    if (
        len(words) < 2
        or words[0] not in ('python', 'bash')
        or not re.match(r'(tools|docs)/', words[1])
    ):
        return None
    script, given = ROOT / words[1], [PLACEHOLDERS.get(word, word) for word in words[2:]]
    if script.name in LAUNCHERS:
        name, kept, rest = LAUNCHERS[script.name]
        return script.with_name(name), [given[i] for i in kept] + given[rest:]
    return (script, given) if script.suffix == '.py' else None


class Parsed(BaseException):
    """The arguments were understood."""


def parse(script: Path, given: list[str], monkeypatch) -> None:
    """Start a script and stop it once its parser has taken the arguments."""
    original = argparse.ArgumentParser.parse_args

    def parse_args(self, args=None, namespace=None):
        raise Parsed(original(self, args, namespace))

    known = set(sys.modules)
    with monkeypatch.context() as patch:
        patch.setattr(argparse.ArgumentParser, 'parse_args', parse_args)
        patch.setattr(sys, 'argv', [str(script), *given])
        patch.setattr(sys, 'path', [str(script.parent), *sys.path])
        try:
            with pytest.raises(Parsed):
                runpy.run_path(str(script), run_name='__main__')
        finally:
            for name in (
                set(sys.modules) - known
            ):  # helpers beside the script, whose names others may have too
                if str(getattr(sys.modules[name], '__file__', None)).startswith(str(script.parent)):
                    del sys.modules[name]


@each_page
def test_links_and_anchors(page):
    broken = []
    for target in re.findall(r'\]\(([^)\s]+)\)', _FENCE.sub('', read(page))):
        name, _, anchor = target.partition('#')
        path = page.parent / name if name else page
        if not re.match('https?://', target) and not (
            path.exists() and (not anchor or anchor in anchors(path))
        ):
            broken.append(target)
    assert broken == []


@each_page
def test_named_files_exist(page):
    assert [path for path in _OURS.findall(read(page)) if not (ROOT / path).exists()] == []


@each_page
def test_commands(page, monkeypatch, capsys):
    """The tool's parser takes the arguments; what ``--cfg-options`` changes is in the config."""
    for words in commands(page):
        found = script_and_arguments(words)
        if not found:
            continue
        script, given = found
        try:
            parse(script, given, monkeypatch)
        except SystemExit:
            pytest.fail(f'{shlex.join(words)}: {capsys.readouterr().err}')
        if '--cfg-options' in given and (ROOT / given[0]).is_file():
            cfg = Config.fromfile(ROOT / given[0])
            for change in given[given.index('--cfg-options') + 1 :]:
                parent = change.partition('=')[0].rpartition('.')[0]
                assert not parent or isinstance(cfg.get(parent.split('.')[0]), (dict, list)), change
                node = cfg
                for key in parent.split('.') if parent else ():
                    assert key in node, f'{words[1]}: {given[0]} has no {parent}'
                    node = node[key]


def test_a_wrong_command_is_noticed(monkeypatch):
    """The check above can fail."""
    with pytest.raises(SystemExit):
        parse(ROOT / 'tools' / 'train.py', ['config.py', '--no-such-option'], monkeypatch)


@each_page
def test_python_compiles(page):
    for code in code_blocks(page, 'python'):
        ast.parse(code)


def test_quickstart_runs(monkeypatch):
    (code,) = code_blocks(ROOT / 'README.md', 'python')
    monkeypatch.chdir(ROOT)
    names = {}
    exec(compile(code, 'README.md', 'exec'), names)
    losses = {name for name in names['losses'] if name.startswith('loss')}
    assert losses == {'loss_cls', 'loss_ego', 'loss_object', 'loss_hand', 'loss_held_object'}
    assert all(f'{name}' in code for name in losses)
    assert names['model'].backbone.slow_path.conv1.conv.weight.grad.abs().sum() > 0


def test_the_two_commands():
    text = read(ROOT / 'README.md')
    assert 'bash tools/run_demo.sh' in text and 'bash tools/run_tests.sh' in text


def test_every_finetuning_config_is_documented():
    text = read(DOCS / 'finetuning.md')
    folder = ROOT / 'configs' / 'finetune'
    assert [
        path for path in folder.rglob('*.py') if str(path.relative_to(folder)) not in text
    ] == []


def test_every_finetuning_config_that_is_documented_exists():
    named = re.findall(r'`(\w+/\w+_\w+\.py)`', read(DOCS / 'finetuning.md'))
    assert len(named) >= 20
    assert [name for name in named if not (ROOT / 'configs' / 'finetune' / name).exists()] == []
