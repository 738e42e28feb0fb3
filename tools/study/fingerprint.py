"""What decides the outcome of a step, so that a change of it is noticed."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from mmengine.config import Config

ROOT = Path(__file__).parents[2]
# how a step is run, not what it computes
_RUNNING = ('OMP_NUM_THREADS', 'MKL_NUM_THREADS', 'CUDA_VISIBLE_DEVICES', 'PYTHONWARNINGS')
# variables that configs compute other values from, which count
_LATER_VARIABLES = ('num_maps', 'load_targets', 'maps_train_pipeline', 'charades_head')
# channels that the variable ``aux_heads`` of the base configs stated, before heads found their own
_STATED_CHANNELS = dict(ego_score=2304, object_score=2304, interaction_map=2048)
_RENAMED = ('loss_held_object', 'loss_object')  # now, and in the markers of earlier studies


class Fingerprints:
    """Inputs of steps and their hashes.

    The study's folder, this repository and the interpreter count as the same wherever they are.

    Args:
        work_dir: The study's folder.
        repository: Where its configs lie.
    """

    def __init__(self, work_dir: Path, repository: Path = ROOT) -> None:
        self._moved = [
            (str(work_dir), '<study>'),
            (sys.executable, 'python'),
            (str(repository), '<repository>'),
        ]
        self._configs: dict[tuple, dict[str, str]] = {}

    def of(
        self,
        command: Sequence[str],
        config: str | None,
        env: dict[str, str],
        needs: Sequence[str],
    ) -> tuple[dict, str]:
        """Inputs of a step, readable, and their SHA-256.

        Args:
            command: of its first start.
            config: its config file, of which the values count (bases included), not the wording.
            env: its environment.
            needs: fingerprints of the steps before it.
        """
        env = {name: value for name, value in env.items() if name not in _RUNNING}
        inputs = dict(
            command=self._plain(' '.join(command)),
            env={name: self._plain(value) for name, value in sorted(env.items())},
            config=self._values(config, env),
            needs=sorted(needs),
        )
        return inputs, hashlib.sha256(json.dumps(inputs, sort_keys=True).encode()).hexdigest()

    def _plain(self, text: str) -> str:
        for moved, name in self._moved:
            text = text.replace(moved, name)
        return text

    def _values(self, config: str | None, env: dict[str, str]) -> dict[str, str]:
        """Dotted name -> value of everything in a config file."""
        if config is None:
            return {}
        key = (config, *sorted(env.items()))
        if key not in self._configs:
            with _environment(env):
                values = Config.fromfile(config, import_custom_modules=False).to_dict()
            _leave_out_later(values)
            self._configs[key] = {
                name.replace(*_RENAMED): self._plain(value) for name, value in _flatten(values)
            }
        return self._configs[key]


def changes(old: dict, new: dict, limit: int = 4) -> str:
    """What differs between the inputs of two steps, in words."""
    found = []
    if old.get('command') != new['command']:
        found.append(f'command was {old.get("command")!r} and is {new["command"]!r}')
    for part in ('config', 'env'):
        before, after = old.get(part, {}), new[part]
        names = [
            name for name in dict.fromkeys([*before, *after]) if before.get(name) != after.get(name)
        ]
        found += [
            f'{name} was {before.get(name, "unset")} and is {after.get(name, "unset")}'
            for name in names
        ]
    if not found:
        return 'a step that it needs has changed'
    return '; '.join(found[:limit]) + (f'; {len(found) - limit} more' if len(found) > limit else '')


def _flatten(value: object, name: str = '') -> Iterator[tuple[str, str]]:
    if isinstance(value, (list, tuple)):
        children = enumerate(value)
    elif isinstance(value, dict) and value:
        children = value.items()
    else:
        yield name, repr(value)
        return
    for key, child in children:
        yield from _flatten(child, f'{name}.{key}' if name else str(key))


def _leave_out_later(values: dict) -> None:
    """Undo what configs got after studies had been run, and what decides nothing.

    The markers of those studies stay valid.
    """
    for name in _LATER_VARIABLES:
        values.pop(name, None)
    for name, channels in _STATED_CHANNELS.items():
        head = values.get('aux_heads', {}).get(name)
        if head and head.get('in_channels') is None:
            head['in_channels'] = channels
    imports = values.get('custom_imports', {}).get('imports', [])
    if 'study.modules' in imports:
        imports.remove('study.modules')


@contextmanager
def _environment(env: dict[str, str]) -> Iterator[None]:
    before = dict(os.environ)
    os.environ.update(env)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
