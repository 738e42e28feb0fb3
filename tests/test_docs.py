"""README and docs name files and commands that exist."""
import re
from itertools import product
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PAGES = sorted([ROOT / 'README.md', *(ROOT / 'docs').glob('*.md'), ROOT / 'tools' / 'data' / 'README.md'])


@pytest.mark.parametrize('page', PAGES, ids=lambda path: path.name)
def test_links_and_paths(page):
    text = page.read_text()
    links = [link for link in re.findall(r'\]\(([^)#]+)\)', text) if not link.startswith('http')]
    assert [link for link in links if not (page.parent / link).exists()] == []
    named = set(re.findall(r'(?<![\w/])((?:tools|configs|egoexo_mm|tests|docs)/[\w./]+\.(?:py|sh|md))', text))
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_every_finetuning_config_is_documented():
    text = (ROOT / 'docs' / 'finetuning.md').read_text()
    folder = ROOT / 'configs' / 'finetune'
    assert [path for path in folder.rglob('*.py') if str(path.relative_to(folder)) not in text] == []


def test_cells_of_the_readme_are_configs():
    rows = re.findall(r'^\| `(\w+)`, `(\w+)` \|', (ROOT / 'README.md').read_text(), re.MULTILINE)
    assert len(rows) == 6
    for (task, backbone), prefix in product(rows, ('', 'egoexo_', 'egoexo_star_')):
        assert (ROOT / 'configs' / 'finetune' / task / f'{prefix}{backbone}_{task}.py').exists()
