"""The docs site: pictures, API pages, the tutorial, and the build."""

from __future__ import annotations

import ast
import json
import os
import re
import runpy
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest

import egoexo_mm  # noqa: F401

ROOT = Path(__file__).parents[1]
DOCS = ROOT / 'docs'
TUTORIAL = DOCS / 'tutorial.ipynb'


def read(path: Path) -> str:
    return path.read_text(encoding='utf-8')


def test_names_of_the_api_pages_exist():
    text = '\n'.join(read(page) for page in (DOCS / 'api').glob('*.md'))
    names = re.findall(r'^::: (.+)\.(\w+)$', text, re.MULTILINE)
    assert len(names) > 60
    assert [name for module, name in names if not hasattr(import_module(module), name)] == []


def test_pages_are_adapted_to_the_site():
    hook = runpy.run_path(str(DOCS / 'hooks.py'))['on_page_markdown']
    page = SimpleNamespace(file=SimpleNamespace(src_path='page.md'))
    outside = '[data](../tools/data/README.md) [t](../tests/test_docs.py) [here](study.md)'
    assert hook(outside, page) == ('[data](data.md) `tests/test_docs.py` [here](study.md)')
    assert hook('Two things:\n- one\n- two\n', page) == 'Two things:\n\n- one\n- two\n'
    listed = '- one\n  of two lines\n- two\n'
    assert hook(listed, page) == listed
    code = '```text\nleft:\n- alone [x](../a.md)\n```\n'
    assert hook(code, page) == code


def test_paths_in_tables_may_break():
    hook = runpy.run_path(str(DOCS / 'hooks.py'))['on_page_content']
    page = SimpleNamespace(file=SimpleNamespace(src_path='page.md'))
    assert hook('<p><code>a/b</code></p><td>1/2 <code>a/b</code></td>', page) == (
        '<p><code>a/b</code></p><td>1/2 <code>a/<wbr>b</code></td>'
    )
    page.file.src_path = 'api/page.md'
    assert hook('see :class:<code>.Teacher</code>', page) == 'see <code>Teacher</code>'


def test_pictures_are_small():
    assert {path.name for path in (DOCS / 'images').iterdir()} >= {
        'method.png',
        'study.png',
        'how_it_works.svg',
    }
    assert [
        path.name for path in (DOCS / 'images').iterdir() if path.stat().st_size > 400_000
    ] == []


def test_study_plot_shows_the_table():
    """The figures of the plot are read from the page; these are the page's headline."""
    rows = runpy.run_path(str(DOCS / 'make_pictures.py'))['read_table'](read(DOCS / 'study.md'))
    assert rows['egoexo'] == dict(
        n=10,
        action=(56.3, (10.8, 8.4, 13.3)),
        verb=(75.6, (-1.7, -4.6, 1.1)),
        noun=(73.9, (14.9, 13.3, 16.4)),
    )
    assert rows['third_only']['action'] == (45.4, None)


def test_tutorial_code():
    cells = [
        ''.join(cell['source'])
        for cell in json.loads(read(TUTORIAL))['cells']
        if cell['cell_type'] == 'code'
    ]
    assert len(cells) > 8
    for cell in cells:
        ast.parse(cell)


@pytest.mark.slow
@pytest.mark.skipif(
    not find_spec('nbclient') or not find_spec('ipykernel'),
    reason='needs nbclient and ipykernel: pip install -r docs/requirements.txt',
)
def test_tutorial_runs(tmp_path, monkeypatch):
    """The notebook trains, and its maps of unseen clips are better than their mean map."""
    import nbformat
    from nbclient import NotebookClient

    monkeypatch.setenv('TUTORIAL_DIR', str(tmp_path / 'tutorial'))
    monkeypatch.setenv('PYTHONPATH', os.pathsep.join([str(ROOT), os.environ.get('PYTHONPATH', '')]))
    notebook = nbformat.read(TUTORIAL, 4)
    NotebookClient(
        notebook, timeout=1200, kernel_name='python3', resources=dict(metadata=dict(path=str(DOCS)))
    ).execute()
    texts = [
        output['text']
        for cell in notebook.cells
        for output in cell.get('outputs', ())
        if 'text' in output
    ]
    # three teachers on a real video, and the inferencer on an unseen clip
    assert any(re.match(r'hands on [1-9]\d* of 18 frames', text) for text in texts)
    answer = next(text for text in texts if text.startswith('shown: '))
    assert len(re.findall(r'^\w+: 0\.\d\d$', answer, re.MULTILINE)) == 3
    result = json.loads(next(text for text in texts if 'hand_ap' in text))
    assert result['hand_ap'] > result['hand_ap_of_mean_map'] + 10
    assert result['object_ap'] > result['object_ap_of_mean_map'] + 10


@pytest.mark.skipif(
    not find_spec('mkdocs') or not find_spec('mkdocstrings'),
    reason='needs MkDocs: pip install -r docs/requirements.txt',
)
def test_site_builds(tmp_path):
    done = subprocess.run(
        [sys.executable, '-m', 'mkdocs', 'build', '--strict', '-q', '-d', str(tmp_path / 'site')],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env=dict(os.environ, NO_MKDOCS_2_WARNING='1'),
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert 'EgoExoRecognizer' in read(tmp_path / 'site' / 'api' / 'models' / 'index.html')
