"""What the repository says about itself: workflow, hooks, citation and package data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from egoexo_mm.version import __version__

ROOT = Path(__file__).parents[1]


def load(name: str) -> dict:
    return yaml.safe_load((ROOT / name).read_text(encoding='utf-8'))


def pins(text: str) -> dict[str, set[str]]:
    """Package -> versions that a text pins with ``==``."""
    found: dict[str, set[str]] = {}
    for name, version in re.findall(r'([\w.-]+)==([\w.]+)', text):
        found.setdefault(name, set()).add(version)
    return found


def test_workflow_runs_what_exists():
    jobs = load('.github/workflows/ci.yml')['jobs']
    commands = [step['run'] for job in jobs.values() for step in job['steps'] if 'run' in step]
    named = {
        path for command in commands for path in re.findall(r'(?:tools|docs)/[\w./]+', command)
    }
    assert named >= {'tools/run_tests.sh', 'tools/run_demo.sh', 'docs/requirements.txt'}
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_workflow_starts_at_the_oldest_python():
    floor = re.search(r'requires-python = ">=([\d.]+)"', (ROOT / 'pyproject.toml').read_text())[1]
    assert (
        load('.github/workflows/ci.yml')['jobs']['tests']['strategy']['matrix']['python'][0]
        == floor
    )


@pytest.mark.parametrize('name', ['.github/workflows/ci.yml', '.pre-commit-config.yaml'])
def test_versions_agree_with_the_requirements(name):
    """torch and numpy are those of requirements.txt for the Pythons of the workflow (below 3.13), mypy and ruff are the same
    in every file."""
    files = [
        'requirements.txt',
        'docs/requirements.txt',
        '.github/workflows/ci.yml',
        '.pre-commit-config.yaml',
    ]
    lines = [line for file in files for line in (ROOT / file).read_text().splitlines()]
    everywhere = pins('\n'.join(line for line in lines if "python_version >= '3.13'" not in line))
    named = pins((ROOT / name).read_text())
    assert named
    assert {
        package: versions
        for package, versions in everywhere.items()
        if package in named and len(versions) > 1
    } == {}


def test_citation():
    citation = load('CITATION.cff')
    assert {'cff-version', 'message', 'title', 'authors'} <= set(citation)
    paper = citation['preferred-citation']
    bibtex = (ROOT / 'README.md').read_text(encoding='utf-8')
    assert paper['title'] in bibtex and f'{paper["start"]}--{paper["end"]}' in bibtex
    assert [name['family-names'] for name in paper['authors']] == [
        'Li',
        'Nagarajan',
        'Xiong',
        'Grauman',
    ]
    assert all(
        f'{name["family-names"]}, {name["given-names"]}' in bibtex for name in paper['authors']
    )


def test_package_is_marked_as_typed():
    assert (ROOT / 'egoexo_mm' / 'py.typed').exists()
    assert 'egoexo_mm = ["py.typed"]' in (ROOT / 'pyproject.toml').read_text()


def test_changelog_has_the_version():
    assert f'## {__version__}' in (ROOT / 'CHANGELOG.md').read_text(encoding='utf-8')
