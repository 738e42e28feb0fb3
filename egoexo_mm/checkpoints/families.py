"""Families of foreign checkpoints that can be converted: one :class:`Converter` each.

To add one, write its name map in a module beside ``pyslowfast.py``, subclass ``Converter`` here and
append it to ``FAMILIES``. ``tools/convert_weights.py`` and its ``--from`` then know it.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from . import hand_object
from .pyslowfast import Layout, to_mmaction, to_pyslowfast
from .reading import weights_of


@dataclass(frozen=True)
class Converted:
    """Converted weights, and lines for the user: what was found, which config fits."""

    weights: dict[str, Tensor]
    lines: list[str]


class Converter(ABC):
    """Renames the weights of one family of networks, strictly: a misfit is an error that names it.

    Attributes:
        name: Of the family, for ``--from``.
        origin: What its files are, for messages.
        keys: Where its files may keep the weights; the first is what :meth:`reverse` writes.
    """

    name: str
    origin: str
    keys: tuple[str, ...]

    @abstractmethod
    def matches(self, weights: Mapping[str, Any], *, reverse: bool = False) -> bool:
        """Whether names look like this family's, or with ``reverse`` like those it writes."""

    def read(self, checkpoint: dict[str, Any], path: Path) -> dict[str, Tensor]:
        """The weights of a file of this family.

        Raises:
            ValueError: There are none, or the file is of a variant that cannot be converted.
        """
        key = next((key for key in self.keys if key in checkpoint), self.keys[0])
        return weights_of(checkpoint, key, path, self.origin)

    @abstractmethod
    def forward(self, weights: dict[str, Tensor]) -> Converted:
        """Convert to the names of MMAction2 or mmdet.

        Raises:
            ValueError: Weights are missing, unknown or of another shape. Names no file.
        """

    def reverse(self, weights: dict[str, Tensor], task: str = '') -> Converted:
        """Convert back.

        Args:
            weights: As :meth:`forward` returns them.
            task: Name of the downstream task, where the family has it in its names.

        Raises:
            ValueError: As :meth:`forward`; or the family has no way back.
        """
        raise ValueError(f'--reverse: weights of {self.name} cannot be converted back')

    def warning(self, name: str) -> str | None:
        """A warning about the file ``name`` (without its suffix), or None."""
        return None


class PySlowFast(Converter):
    """SlowFast and Slow of PySlowFast, with or without the heads of Ego-Exo."""

    name = 'pyslowfast'
    origin = 'PySlowFast checkpoint (.pyth)'
    keys = ('model_state',)
    _NAMES = re.compile(r'(module\.)?s[1-5]\.pathway\d')
    _OURS = re.compile(r'backbone\.((slow|fast)_path\.)?(conv1|layer[1-4]\.\d+\.conv\d)\.conv\.')
    _CONFIGS = {  # (SlowFast?, depth, with the teachers' heads?)
        (True, 50, True): 'configs/egoexo_slowfast_k400.py',
        (True, 50, False): 'configs/slowfast_k400.py',
        (True, 101, True): 'configs/egoexo_slowfast_r101_k400.py',
        (False, 50, True): 'configs/egoexo_slowonly_k400.py',
        (False, 50, False): 'configs/slowonly_k400.py',
    }

    def matches(self, weights: Mapping[str, Any], *, reverse: bool = False) -> bool:
        """By the stages of the backbone."""
        pattern = self._OURS if reverse else self._NAMES
        return any(pattern.match(str(name)) for name in weights)

    def forward(self, weights: dict[str, Tensor]) -> Converted:
        """To MMAction2."""
        state, layout = to_mmaction(weights)
        return Converted(state, self._summary(state, layout))

    def reverse(self, weights: dict[str, Tensor], task: str = '') -> Converted:
        """To PySlowFast, the class head named ``head<task>``."""
        state, layout = to_pyslowfast(weights, task)
        return Converted(state, self._summary(state, layout))

    def _summary(self, state: dict[str, Tensor], layout: Layout) -> list[str]:
        """What was found, and which MMAction2 settings fit it."""
        kind = 'SlowFast' if layout.slowfast else 'Slow'
        depth = f'R{layout.depth}' if layout.depth else 'no standard depth'
        parameters = sum(
            value.numel()
            for name, value in state.items()
            if not name.endswith(('running_mean', 'running_var', 'num_batches_tracked'))
        )
        sizes = ', '.join(f'{name} ({size})' for name, size in layout.heads.items())
        lines = [
            f'{kind}, {depth}, blocks {"-".join(map(str, layout.blocks))}: {len(state)} tensors, '
            f'{parameters:,} parameters',
            f'heads: {sizes}' + (f', of task {layout.task}' if layout.task else ''),
        ]
        if layout.slowfast:
            slow, fast = layout.channels
            lines += [
                f'settings: type=ResNet3dSlowFast, channel_ratio={slow / fast:g}; slow_pathway: '
                f'lateral_norm=True, fusion_kernel={layout.fusion_kernel}, '
                f'inflate={layout.inflate[0]}; fast_pathway: inflate={layout.inflate[1]}',
                'the weights do not tell alpha: resample_rate=speed_ratio=4 for 8x8 models '
                '(32 frames), 8 for 4x16 models',
            ]
        else:
            lines += [f'settings: type=ResNet3dSlowOnly, inflate={layout.inflate[0]}']
        return [*lines, f'config: {self._config(layout)}']

    def _config(self, layout: Layout) -> str:
        teachers = 'aux_heads.ego_score.fc' in layout.heads
        config = self._CONFIGS.get((layout.slowfast, layout.depth, teachers))
        if config:
            return f'{config} with these settings'
        if layout.depth is None:
            return 'none fits, no ResNet has these block counts'
        config = self._CONFIGS[layout.slowfast, 50, teachers]
        return f'{config} with depth={layout.depth} and these settings'


class HandObject(Converter):
    """Shan et al.'s hand-object detector.

    It has no way back: the rows of the background in its box head are dropped.
    """

    name = 'hand_object'
    origin = hand_object.ORIGIN
    keys = ('model',)

    def matches(self, weights: Mapping[str, Any], *, reverse: bool = False) -> bool:
        """By the prefix of Faster R-CNN's modules."""
        return not reverse and any(str(name).startswith('RCNN_') for name in weights)

    def read(self, checkpoint: dict[str, Any], path: Path) -> dict[str, Tensor]:
        """The weights of a model that was trained with RoIAlign."""
        return hand_object.original_weights(checkpoint, path)

    def forward(self, weights: dict[str, Tensor]) -> Converted:
        """To mmdet."""
        state = hand_object.to_mmdet(weights)
        config = 'configs/teachers/hand_object_r101_c4.py'
        return Converted(state, [f'{len(state)} tensors', f'config: {config}'])

    def warning(self, name: str) -> str | None:
        """Whether the model saw no egocentric video."""
        return hand_object.ego_warning(name)


FAMILIES: dict[str, Converter] = {one.name: one for one in (PySlowFast(), HandObject())}


def family_of(checkpoint: Mapping[str, Any], path: Path, *, reverse: bool = False) -> Converter:
    """The family whose names a checkpoint has.

    Args:
        checkpoint: Content of the file.
        path: Of the file, for the message.
        reverse: The weights are in our names, for the way back.

    Raises:
        ValueError: None of the families matches.
    """
    for family in FAMILIES.values():
        for key in ('state_dict',) if reverse else family.keys:
            weights = checkpoint.get(key)
            if isinstance(weights, dict) and family.matches(weights, reverse=reverse):
                return family
    if reverse:
        raise ValueError(
            f'{path}: no family of checkpoints has a way back for its weights; expected '
            '`state_dict` with the names of a SlowFast or Slow recognizer of MMAction2'
        )
    known = ' or '.join(
        f'a {family.origin} with `{"` or `".join(family.keys)}`' for family in FAMILIES.values()
    )
    raise ValueError(
        f'{path}: its weights are of no known family; expected {known}. Name the family with '
        '--from to see what does not fit'
    )
