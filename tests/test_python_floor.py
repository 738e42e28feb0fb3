"""Every Python file runs on the oldest Python that pyproject.toml names."""

from __future__ import annotations

import ast
import builtins
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
TEXT = (ROOT / 'pyproject.toml').read_text()
FLOOR = tuple(map(int, re.search(r'requires-python = ">=(\d+)\.(\d+)"', TEXT).groups()))
FOLDERS = ('egoexo_mm', 'tools', 'tests', 'configs')

# What later Pythons added to the standard library: module -> names.
NEWER_NAMES = {
    'contextlib': {'aclosing', 'chdir'},
    'dataclasses': {'KW_ONLY'},
    'datetime': {'UTC'},
    'enum': {'StrEnum', 'ReprEnum', 'verify', 'member', 'nonmember'},
    'hashlib': {'file_digest'},
    'inspect': {'get_annotations'},
    'itertools': {'batched', 'pairwise'},
    'math': {'cbrt', 'exp2', 'fma', 'sumprod'},
    'operator': {'call'},
    'os': {'process_cpu_count'},
    'statistics': {'correlation', 'covariance', 'linear_regression'},
    'sys': {'exception', 'orig_argv', 'stdlib_module_names'},
    'types': {'EllipsisType', 'NoneType', 'NotImplementedType', 'UnionType'},
    'typing': {
        'Concatenate', 'LiteralString', 'Never', 'NotRequired', 'ParamSpec', 'ParamSpecArgs',
        'Required', 'Self', 'TypeAlias', 'TypeGuard', 'TypeVarTuple', 'Unpack', 'assert_never',
        'override', 'reveal_type',
    },
}  # fmt: skip
NEWER_MODULES = {'tomllib', 'compression', 'annotationlib'}
NEWER_BUILTINS = {'aiter', 'anext', 'BaseExceptionGroup', 'EncodingWarning', 'ExceptionGroup'}
# Only names that nothing else in the project has.
NEWER_METHODS = {'bit_count', 'hardlink_to', 'add_note', 'enterContext'}
# Function -> keywords that later Pythons added to it.
NEWER_KEYWORDS = {
    'bisect': {'key'},
    'bisect_left': {'key'},
    'bisect_right': {'key'},
    'dataclass': {'kw_only', 'slots', 'weakref_slot'},
    'entry_points': {'group', 'name'},
    'glob': {'root_dir', 'dir_fd', 'include_hidden'},
    'insort': {'key'},
    'rmtree': {'onexc'},
    'zip': {'strict'},
}


def too_new(source: str) -> list[str]:
    """``line: what`` of each thing in a source text that Python 3.9 lacks."""
    tree = ast.parse(source, feature_version=FLOOR)
    found = [entry for node in ast.walk(tree) for entry in newer_parts(node)]
    lazy = any(
        isinstance(node, ast.ImportFrom)
        and node.module == '__future__'
        and node.names[0].name == 'annotations'
        for node in tree.body
    )
    found += [(part, 'a union of types') for part in evaluated(tree, lazy) if union(part)]
    return [f'{node.lineno}: {what}' for node, what in found]


def newer_parts(node: ast.AST):
    """Names, modules and keywords of one node that are newer than the floor."""
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name.partition('.')[0] in NEWER_MODULES:
                yield node, alias.name
    elif isinstance(node, ast.ImportFrom):
        if node.level == 0 and node.module in NEWER_MODULES:
            yield node, node.module
        for alias in node.names:
            if node.level == 0 and alias.name in NEWER_NAMES.get(node.module, ()):
                yield node, f'{node.module}.{alias.name}'
    elif isinstance(node, ast.Attribute):
        module = node.value.id if isinstance(node.value, ast.Name) else None
        if node.attr in NEWER_NAMES.get(module, ()):
            yield node, f'{module}.{node.attr}'
        if node.attr in NEWER_METHODS:
            yield node, node.attr
    elif isinstance(node, ast.Subscript) and getattr(node.value, 'attr', '') == 'parents':
        if not isinstance(node.slice, (ast.Constant, ast.Name)):
            yield node, 'parents[] with a slice or from the end'
    elif isinstance(node, ast.Name) and node.id in NEWER_BUILTINS:
        yield node, node.id
    elif isinstance(node, ast.Call):
        name = getattr(node.func, 'id', getattr(node.func, 'attr', None))
        for keyword in node.keywords:
            if keyword.arg in NEWER_KEYWORDS.get(name, ()):
                yield node, f'{name}({keyword.arg}=)'


def evaluated(node: ast.AST, lazy: bool):
    """The node and all below it, without annotations where these are not evaluated."""
    yield node
    for name, value in ast.iter_fields(node):
        if lazy and name in ('annotation', 'returns'):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from evaluated(child, lazy)


def union(node: ast.AST) -> bool:
    """Whether a node is ``X | Y`` with a type or None on one side."""
    return (
        isinstance(node, ast.BinOp)
        and isinstance(node.op, ast.BitOr)
        and any(map(is_type, (node.left, node.right)))
    )


def is_type(node: ast.AST) -> bool:
    if isinstance(node, ast.Constant):
        return node.value is None
    if isinstance(node, ast.Subscript):
        return is_type(node.value)
    return isinstance(node, ast.Name) and isinstance(getattr(builtins, node.id, None), type)


@pytest.mark.parametrize('folder', FOLDERS)
def test_nothing_is_newer_than_the_floor(folder):
    files = sorted((ROOT / folder).rglob('*.py'))
    assert files
    found = {}
    for path in files:
        try:
            lines = too_new(path.read_text(encoding='utf-8'))
        except SyntaxError as error:
            lines = [f'{error.lineno}: {error.msg}']
        if lines:
            found[path.relative_to(ROOT).as_posix()] = lines
    assert found == {}


@pytest.mark.parametrize(
    'source, what',
    [
        ('zip(a, b, strict=True)', '1: zip(strict=)'),
        ('from itertools import count, pairwise', '1: itertools.pairwise'),
        ('import itertools\nitertools.pairwise(a)', '2: itertools.pairwise'),
        ('import tomllib', '1: tomllib'),
        ('isinstance(a, int | str)', '1: a union of types'),
        ('Source = Sequence | bytes', '1: a union of types'),
        ('def f(a: Tensor | None): pass', '1: a union of types'),
        ('def f(a: list[int] | A): pass', '1: a union of types'),
        ('b = cast(list[int | A], a)', '1: a union of types'),
        ('def f(a: int | None): pass', '1: a union of types'),
        ('def f() -> int | None: pass', '1: a union of types'),
        ('a: list[int | None] = 1', '1: a union of types'),
        ('@dataclass(slots=True)\nclass A: pass', '1: dataclass(slots=)'),
        ('raise ExceptionGroup("", [])', '1: ExceptionGroup'),
        ('a.bit_count()', '1: bit_count'),
        ('path.parents[:2]', '1: parents[] with a slice or from the end'),
        ('path.parents[-1]', '1: parents[] with a slice or from the end'),
    ],
)
def test_newer_things_are_found(source, what):
    assert too_new(source) == [what]


def test_newer_syntax_is_found():
    with pytest.raises(SyntaxError):
        too_new('match a:\n    case 1: pass')


@pytest.mark.parametrize(
    'source',
    [
        'from __future__ import annotations\ndef f(a: int | None) -> int | None: pass',
        'a | b',
        'from functools import cache\n"a".removeprefix("b")',
        'getattr(sys, "orig_argv", None)',
        'with open(a) as b, open(c) as d: pass',
        'zip(a, b)',
    ],
)
def test_older_things_are_not(source):
    assert too_new(source) == []


def test_ruff_and_the_workflow_have_the_same_floor():
    assert f'target-version = "py{FLOOR[0]}{FLOOR[1]}"' in TEXT
