"""The import graph of the package: floors, no cycles, no module that nothing uses.

The graph is read from the source, so that it includes imports inside functions and needs no host.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = 'egoexo_mm'

# Rooms (modules and folders of the package) from the ground floor up. A room imports from its own
# floor and from those below.
FLOORS = (
    (
        'atomic_files',
        'checks',
        'csv_files',
        'errors',
        'file_locks',
        'interaction_maps',
        'probabilities',
        'progress',
        'shipped',
        'version',
        'video_lists',
    ),
    ('untrusted',),
    ('checkpoints', 'compat', 'failed_jsonl', 'video'),
    ('targets',),
    ('datasets', 'evaluation', 'models', 'visualization'),
    ('engine', 'export'),
    ('commands',),
    ('__init__', '__main__', 'doctor', 'doctor_trials', 'former_names'),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}

# what no other module imports, and who starts or imports it
ENTRY_POINTS = {
    'egoexo_mm': 'import egoexo_mm',
    'egoexo_mm.__main__': 'python -m egoexo_mm',
    'egoexo_mm.commands': 'the scripts in tools, all modules of the room',
    'egoexo_mm.datasets.hand_object_dataset': "custom_imports of the detectors' configs",
    'egoexo_mm.datasets.readers': 'other code; its readers are in egoexo_mm.video now',
    'egoexo_mm.datasets.transforms.hand_object': "custom_imports of the detectors' configs",
}


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix('').parts
    return '.'.join(parts[:-1] if parts[-1] == '__init__' else parts)


MODULES = {module_name(path): path for path in sorted((ROOT / PACKAGE).rglob('*.py'))}


def room(module: str) -> str:
    return module.split('.')[1] if '.' in module else '__init__'


def imported(node: ast.Import | ast.ImportFrom, module: str, is_package: bool) -> Iterator[str]:
    """Modules of the package that a statement imports by name."""
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    else:
        base = node.module or ''
        if node.level:
            parts = module.split('.')
            up = parts[: len(parts) - node.level + is_package]
            base = '.'.join([*up, base] if base else up)
        # a name in ``from package import name`` may be a module
        names = [f'{base}.{alias.name}' for alias in node.names]
        names = [name if name in MODULES else base for name in names]
    return (name for name in names if name in MODULES and name != module)


def statements(tree: ast.AST, in_function: bool = False) -> Iterator[tuple[ast.stmt, bool]]:
    """Import statements, and whether they run later than the module's import."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            yield node, in_function
        later = isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda))
        types_only = isinstance(node, ast.If) and 'TYPE_CHECKING' in ast.dump(node.test)
        yield from statements(node, in_function or later or types_only)


def graph(at_import_only: bool) -> dict[str, set[str]]:
    """Module -> modules that it imports."""
    arrows = {}
    for module, path in MODULES.items():
        tree = ast.parse(path.read_text(encoding='utf-8'))
        arrows[module] = {
            name
            for node, in_function in statements(tree)
            if not (at_import_only and in_function)
            for name in imported(node, module, path.name == '__init__.py')
        }
    return arrows


def test_the_graph_is_that_of_the_source():
    arrows = graph(False)
    assert 'egoexo_mm.csv_files' in arrows['egoexo_mm.datasets.annotations.tables']
    # relative: of a module, of a package, of a package's parent
    assert 'egoexo_mm.datasets.target_rows' in arrows['egoexo_mm.datasets.media_dataset']
    assert 'egoexo_mm.datasets.frame_plans' in arrows['egoexo_mm.datasets']
    assert 'egoexo_mm.datasets.transforms' in arrows['egoexo_mm.datasets.broken_media.mixin']
    # in a function
    assert 'egoexo_mm.engine' in arrows['egoexo_mm']
    assert 'egoexo_mm.engine' not in graph(True)['egoexo_mm']


def test_every_room_has_a_floor():
    assert {room(module) for module in MODULES} <= set(FLOOR)


def test_no_cycle():
    try:
        TopologicalSorter(graph(True)).prepare()
    except CycleError as error:
        pytest.fail('import cycle: ' + ' -> '.join(error.args[1]))


def test_no_upward_arrow():
    upward = {
        f'{module} imports {name}'
        for module, names in graph(False).items()
        for name in names
        if FLOOR.get(room(name), -1) > FLOOR.get(room(module), 99)
    }
    assert not upward, sorted(upward)


def within(module: str, package: str) -> bool:
    return module == package or module.startswith(f'{package}.')


def test_every_module_is_used():
    """By another module, a folder from outside of it; what only ``tools`` uses belongs there."""
    arrows = [(module, name) for module, names in graph(False).items() for name in names]
    folders = {module for module, path in MODULES.items() if path.name == '__init__.py'}
    used = {name for _, name in arrows if name not in folders} | {
        folder
        for folder in folders
        if any(within(name, folder) and not within(module, folder) for module, name in arrows)
    }
    doors = {module for module in MODULES if within(module, 'egoexo_mm.commands')}
    unused = set(MODULES) - used - set(ENTRY_POINTS) - doors
    assert not unused, sorted(unused)
    gone = set(ENTRY_POINTS) - set(MODULES)
    assert not gone, f'not a module: {sorted(gone)}'
