"""Families of foreign checkpoints that can be converted: one :class:`Converter` each.

To add one, write its name map in a module beside ``pyslowfast.py``, subclass ``Converter`` there or
here and append it to ``FAMILIES``. ``tools/convert_weights.py`` and its ``--from`` then know it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor

from . import hand_object
from .clip_towers import Avion, Clip, LaViLa
from .converter import Converted, Converter
from .pyslowfast import Layout, to_mmaction, to_pyslowfast
from .videomae import HuggingFaceVideoMAE, VideoMAE


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

    def read(
        self, checkpoint: dict[str, Any], path: Path, key: str | None = None
    ) -> dict[str, Tensor]:
        """The weights of a model that was trained with RoIAlign."""
        return hand_object.original_weights(checkpoint, path, key or self.keys[0])

    def forward(self, weights: dict[str, Tensor]) -> Converted:
        """To mmdet."""
        state = hand_object.to_mmdet(weights)
        config = 'configs/teachers/hand_object_r101_c4.py'
        return Converted(state, [f'{len(state)} tensors', f'config: {config}'])

    def warning(self, name: str) -> str | None:
        """Whether the model saw no egocentric video."""
        return hand_object.ego_warning(name)


_CONVERTERS = (
    PySlowFast(),
    HandObject(),
    VideoMAE(),
    HuggingFaceVideoMAE(),
    Avion(),
    Clip(),
    LaViLa(),
)
FAMILIES: dict[str, Converter] = {one.name: one for one in _CONVERTERS}


def find_family(checkpoint: Mapping[str, Any], key: str | None = None) -> Converter | None:
    """The family whose names a checkpoint has (under ``key``), None if there is no such family."""
    return next((one for one in FAMILIES.values() if one.key_of(checkpoint, key) is not None), None)


def family_of(
    checkpoint: Mapping[str, Any], path: Path, *, reverse: bool = False, key: str | None = None
) -> Converter:
    """The family whose names a checkpoint has.

    Args:
        checkpoint: Content of the file.
        path: Of the file, for the message.
        reverse: The weights are in our names, for the way back.
        key: Where its weights are; None: where families have them.

    Raises:
        ValueError: None of the families matches.
    """
    if not reverse:
        found = find_family(checkpoint, key)
    else:
        ours = checkpoint.get('state_dict')
        ours = ours if isinstance(ours, dict) else {}
        found = next((one for one in FAMILIES.values() if one.matches(ours, reverse=True)), None)
    if found is not None:
        return found
    if reverse:
        raise ValueError(
            f'{path}: no family of checkpoints has a way back for its weights; expected '
            '`state_dict` with the names of a SlowFast or Slow recognizer of MMAction2, of its '
            'VisionTransformer or of AvionTransformer'
        )
    known = ' or '.join(
        f'a {family.origin} with `{"` or `".join(filter(None, family.keys))}`'
        for family in FAMILIES.values()
    )
    raise ValueError(
        f'{path}: its weights are of no known family; expected {known}. Name the family with '
        '--from to see what does not fit'
    )
