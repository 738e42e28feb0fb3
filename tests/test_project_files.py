"""What the repository says about itself: workflow, hooks, citation and package data."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml
from pip._vendor.packaging.markers import Marker

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


def is_for(line: str, python: str) -> bool:
    """Whether a line of requirements.txt is meant for a Python; every other line is."""
    marker = line.partition(';')[2].partition('#')[0]
    if 'python_version' not in marker:
        return True
    return Marker(marker.strip()).evaluate(dict(python_version=python))


@pytest.mark.parametrize('python', ['3.9', '3.10', '3.11', '3.12', '3.13', '3.14'])
def test_each_python_has_one_version_of_each_package(python):
    lines = (ROOT / 'requirements.txt').read_text().splitlines()
    names = [
        re.match(r'[\w.-]+', line)[0]
        for line in lines
        if line[:1].isalpha() and is_for(line, python)
    ]
    assert sorted(names) == sorted(
        {re.match(r'[\w.-]+', line)[0] for line in lines if line[:1].isalpha()}
    )


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


def test_workflow_runs_the_stacks_of_the_matrix():
    jobs = load('.github/workflows/ci.yml')['jobs']
    commands = {name: [step.get('run', '') for step in job['steps']] for name, job in jobs.items()}
    assert any('tools/test_matrix.py --hosted' in command for command in commands['list-stacks'])
    command = 'python tools/test_matrix.py --stack ${{ matrix.stack.name }}'
    assert command in commands['stack']
    assert jobs['stack']['needs'] == 'list-stacks'


@pytest.mark.parametrize('name', ['.github/workflows/ci.yml', '.pre-commit-config.yaml'])
def test_versions_agree_with_the_requirements(name):
    """numpy is that of requirements.txt on Python 3.11; mypy and ruff are the same everywhere."""
    files = [
        'requirements.txt',
        'docs/requirements.txt',
        '.github/workflows/ci.yml',
        '.pre-commit-config.yaml',
    ]
    lines = [line for file in files for line in (ROOT / file).read_text().splitlines()]
    everywhere = pins('\n'.join(line for line in lines if is_for(line, '3.11')))
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
