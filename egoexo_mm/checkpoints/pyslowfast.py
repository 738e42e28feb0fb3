"""Names of PySlowFast checkpoints (stock and Ego-Exo) <-> names of MMAction2 and of this package.

Both sides hold the same tensors; only names differ, and the columns of SlowFast's linear heads:
PySlowFast concatenates the pooled features as ``[slow | fast]``, MMAction2 as ``[fast | slow]``.

Legend: ``p`` pathway (0 slow, 1 fast), ``k`` stage 2..5 (res2..res5), ``i`` block of a stage,
``Cs``/``Cf`` channels of the last slow/fast res5 convolution (2048/256 for ResNet-50).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from .matching import compare

Pairs = list[tuple[str, str]]  # (PySlowFast, MMAction2) names of modules

# By PySlowFast name behind `head<TASK>.`; the Kinetics head of Ego-Exo also carries two teachers.
_SINGLE = {'projection': 'cls_head.fc_cls'}
_KINETICS = {
    'projections.0': 'cls_head.fc_cls',
    'projections.1': 'aux_heads.ego_score.fc',
    'projections.2': 'aux_heads.object_score.fc',
}
_VERB_NOUN = {'projections.0': 'cls_head.fc_verb', 'projections.1': 'cls_head.fc_noun'}
_INTERACTION: Pairs = [
    ('handobjhead.pathway0_conv_fcn0', 'aux_heads.interaction_map.conv'),
    ('handobjhead.score_projection', 'aux_heads.interaction_map.conv_map'),
]

_DEPTHS = {(3, 4, 6, 3): 50, (3, 4, 23, 3): 101, (3, 8, 36, 3): 152}
_NORM_LEAVES = ('weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked')


@dataclass(frozen=True)
class Layout:
    """The network of a checkpoint, read from names and shapes alone."""

    slowfast: bool
    blocks: tuple[int, ...]
    """Residual blocks of res2..res5."""
    channels: tuple[int, ...]
    """(Cs, Cf), or (Cs,) for Slow."""
    inflate: tuple[tuple, ...]
    """MMAction2's ``inflate`` of each pathway: by stage 0, 1 or a tuple with 0/1 by block."""
    fusion_kernel: int
    """Temporal kernel of the lateral convolutions, 0 for Slow."""
    heads: dict[str, int]
    """MMAction2 name of each linear or map layer -> its outputs."""
    task: str
    """``TASK`` of PySlowFast's ``head<TASK>``, empty for Kinetics."""

    @property
    def depth(self) -> int | None:
        """ResNet depth of these block counts, None where no ResNet has them."""
        return _DEPTHS.get(self.blocks)


def to_mmaction(model_state: dict[str, Tensor]) -> tuple[dict[str, Tensor], Layout]:
    """Rename a PySlowFast ``model_state`` of SlowFast or Slow with bottleneck blocks.

    A ``module.`` prefix (DDP) and the old head name ``headobjhead`` are accepted. Tensors are
    those given, except the column-reordered linear weights of SlowFast.

    Returns:
        State dict with ``backbone.*``, ``cls_head.*`` and maybe ``aux_heads.*``; its layout.

    Raises:
        ValueError: A key is unknown, missing or of an unexpected shape. Names no file.
    """
    state = _normalised(model_state)
    slowfast = any('.pathway1_' in key or '_fuse.' in key for key in state)
    blocks = _count_blocks(state, r's([2-5])\.pathway[01]_res(\d+)\.', first_stage=2)
    heads, task = _pyslowfast_heads(state)
    pairs = [*backbone_modules(blocks, slowfast), *heads]
    names = _tensor_names(pairs)
    _check(state, names)
    layout = _measure(state, blocks, slowfast, heads, task)
    linear = _linear_weights(heads)
    return {
        names[key]: _swap_columns(value, layout.channels[0])
        if slowfast and key in linear
        else value
        for key, value in state.items()
    }, layout


def to_pyslowfast(
    state_dict: dict[str, Tensor], task: str = ''
) -> tuple[dict[str, Tensor], Layout]:
    """The way back: the ``model_state`` that :func:`to_mmaction` would turn into ``state_dict``.

    Args:
        state_dict: Of a recognizer with ``ResNet3dSlowFast`` (``lateral_norm=True``) or
            ``ResNet3dSlowOnly`` and a linear class head.
        task: Downstream name of the head, e.g. ``'charades-ego'``; needed for verb and noun.

    Raises:
        ValueError: As :func:`to_mmaction`, or a ``task`` that does not fit the heads.
    """
    slowfast = any(
        key.startswith(('backbone.slow_path.', 'backbone.fast_path.')) for key in state_dict
    )
    blocks = _count_blocks(
        state_dict, r'backbone\.(?:slow_path\.|fast_path\.)?layer([1-4])\.(\d+)\.', first_stage=1
    )
    heads = _mmaction_heads(state_dict, task)
    pairs = [*backbone_modules(blocks, slowfast), *heads]
    names = {ours: theirs for theirs, ours in _tensor_names(pairs).items()}
    _check(state_dict, names)
    state = {names[key]: value for key, value in state_dict.items()}
    layout = _measure(state, blocks, slowfast, heads, task)
    linear = _linear_weights(heads)
    return {
        key: _swap_columns(value, layout.channels[1]) if slowfast and key in linear else value
        for key, value in state.items()
    }, layout


def backbone_modules(blocks: tuple[int, ...], slowfast: bool) -> Iterator[tuple[str, str]]:
    """(PySlowFast, MMAction2) name of every convolution and norm of the backbone."""
    for p, path in enumerate(('.slow_path', '.fast_path') if slowfast else ('',)):
        for part in ('conv', 'bn'):
            yield f's1.pathway{p}_stem.{part}', f'backbone{path}.conv1.{part}'
        for k, count in enumerate(blocks, start=2):
            for i in range(count):
                theirs, ours = f's{k}.pathway{p}_res{i}', f'backbone{path}.layer{k - 1}.{i}'
                branches = {'branch2.a': 'conv1', 'branch2.b': 'conv2', 'branch2.c': 'conv3'}
                if i == 0:  # the projection shortcut, where width changes
                    branches['branch1'] = 'downsample'
                for branch, conv in branches.items():
                    yield f'{theirs}.{branch}', f'{ours}.{conv}.conv'
                    yield f'{theirs}.{branch}_bn', f'{ours}.{conv}.bn'
    if slowfast:
        for k, layer in enumerate(('conv1', 'layer1', 'layer2', 'layer3'), start=1):
            lateral = f'backbone.slow_path.{layer}_lateral'
            yield f's{k}_fuse.conv_f2s', f'{lateral}.conv'
            yield f's{k}_fuse.bn', f'{lateral}.bn'


def _normalised(model_state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Copy of the dict without the prefix that DDP adds and with the present head name."""
    prefix = 'module.' if all(key.startswith('module.') for key in model_state) else ''
    state = {
        re.sub(r'^headobjhead\.', 'handobjhead.', key[len(prefix) :]): value
        for key, value in model_state.items()
    }
    if len(state) < len(model_state):
        raise ValueError(
            'some keys of `headobjhead.` and `handobjhead.` name the same tensor; '
            'expected one of the two prefixes'
        )
    return state


def _count_blocks(keys: Iterable[str], pattern: str, first_stage: int) -> tuple[int, ...]:
    """Blocks of each of the four residual stages, over both pathways."""
    found: list[set[str]] = [set(), set(), set(), set()]
    for match in filter(None, (re.match(pattern, key) for key in keys)):
        found[int(match[1]) - first_stage].add(match[2])
    if not any(found):
        raise ValueError(
            'has no residual stage of a SlowFast or Slow network; expected keys such '
            "as 's2.pathway0_res0.branch2.a.weight' (PySlowFast) or, with --reverse, "
            "'backbone.layer1.0.conv1.conv.weight' (MMAction2)"
        )
    # A stage without any key counts one block, so that its keys are reported as missing.
    return tuple(max(1, len(indices)) for indices in found)


def _pyslowfast_heads(keys: Iterable[str]) -> tuple[Pairs, str]:
    """Head modules, from PySlowFast's names, and the task in the head's name."""
    keys = list(keys)
    matches = [
        match
        for key in keys
        if (match := re.match(r'head([^.]*)\.(projections?(?:\.\d+)?)\.(?:weight|bias)$', key))
    ]
    tasks, parts = {match[1] for match in matches}, {match[2] for match in matches}
    if len(tasks) != 1:
        names = ', '.join(f'`head{task}`' for task in sorted(tasks)) or 'none'
        raise ValueError(
            f'has no single class head (found: {names}); expected `head.projection` '
            'or `head.projections.N`, or the same with a task such as `headepic100`'
        )
    task = tasks.pop()
    known = (_SINGLE, _VERB_NOUN) if task else (_SINGLE, _KINETICS)
    layout = next((one for one in known if parts == one.keys()), None)
    if layout is None:
        raise ValueError(
            f'`head{task}` has the layers {", ".join(sorted(parts))}; expected one `projection`, '
            'three `projections` of the unnamed head (class, Ego-Score, Object-Score) or two of a '
            'head named after its task, as in `headepic100` (verb, noun)'
        )
    heads = [(f'head{task}.{theirs}', ours) for theirs, ours in layout.items()]
    return heads + (_INTERACTION if any(k.startswith('handobjhead.') for k in keys) else []), task


def _mmaction_heads(keys: Iterable[str], task: str) -> Pairs:
    """Head modules, from the names of this package."""
    if task and not re.fullmatch(r'[^.\s]+', task):
        raise ValueError(f'the task name {task!r} has a dot or a space; expected e.g. charades-ego')
    modules = {key.rpartition('.')[0] for key in keys}
    layout = _SINGLE
    if modules & {'cls_head.fc_verb', 'cls_head.fc_noun'}:
        if not task:
            raise ValueError(
                'has a verb and a noun head, which PySlowFast names after their task; '
                'give --task epic or --task epic100'
            )
        layout = _VERB_NOUN
    elif modules & {'aux_heads.ego_score.fc', 'aux_heads.object_score.fc'}:
        if task:
            raise ValueError(
                f'has Ego-Score or Object-Score heads, which PySlowFast keeps in its '
                f'Kinetics head; leave --task {task} out or strip the auxiliary heads'
            )
        layout = _KINETICS
    heads = [(f'head{task}.{theirs}', ours) for theirs, ours in layout.items()]
    return heads + (_INTERACTION if any('aux_heads.interaction_map' in m for m in modules) else [])


def _linear_weights(heads: Pairs) -> set[str]:
    """PySlowFast names of the weights that act on the pooled, concatenated feature."""
    return {f'{pair[0]}.weight' for pair in heads if pair not in _INTERACTION}


def _tensor_names(pairs: Pairs) -> dict[str, str]:
    """Every tensor name of PySlowFast -> that of MMAction2."""
    names = {}
    for theirs, ours in pairs:
        leaves = ('weight', 'bias')
        if ours.startswith('backbone.'):
            leaves = _NORM_LEAVES if ours.endswith('.bn') else ('weight',)
        names.update({f'{theirs}.{leaf}': f'{ours}.{leaf}' for leaf in leaves})
    return names


def _check(state: dict[str, Tensor], names: dict[str, str]) -> None:
    """Refuse a state that has not exactly the keys of ``names``, or holds no tensors."""
    misfit = compare(state, dict.fromkeys(names))
    if misfit:
        raise ValueError(
            f'has {misfit}; expected exactly a SlowFast (batch norm '
            'in the lateral connections) or Slow network with bottleneck blocks'
        )


def _measure(
    state: dict[str, Tensor], blocks: tuple[int, ...], slowfast: bool, heads: Pairs, task: str
) -> Layout:
    """Read the layout from the shapes of a complete state with PySlowFast names."""
    pathways = range(1 + slowfast)
    last = blocks[-1] - 1
    channels = tuple(
        _shape(state, f's5.pathway{p}_res{last}.branch2.c.weight', 5)[0] for p in pathways
    )
    for key in sorted(_linear_weights(heads)):
        columns = _shape(state, key, 2)[1]
        if columns != sum(channels):
            outputs = ' + '.join(map(str, channels))
            raise ValueError(
                f'{key} has {columns} columns; expected {outputs}, '
                'the channels of the last res5 convolution of each pathway'
            )
    kernels = {_shape(state, f's{k}_fuse.conv_f2s.weight', 5)[2] for k in range(1, 5) if slowfast}
    if len(kernels) > 1:
        raise ValueError(f'has lateral kernels {sorted(kernels)}; expected one size in all four')
    inflate = tuple(
        tuple(_stage_inflation(state, p, k, count) for k, count in enumerate(blocks, 2))
        for p in pathways
    )
    stems = [_shape(state, f's1.pathway{p}_stem.conv.weight', 5)[2] for p in pathways]
    # C2D and I3D share Slow's names, but not its stem, its kernels and its pooling.
    if stems != [1, 5][: len(stems)] or inflate[0][-1] == 0:
        raise ValueError(
            f'has temporal stem kernels {stems} and inflated stages {inflate[0]}; '
            'expected Slow (stem 1, temporal kernels in res5) or SlowFast (stems 1 '
            'and 5): C2D and I3D have the same names but are other networks'
        )
    return Layout(
        slowfast,
        blocks,
        channels,
        inflate,
        max(kernels, default=0),
        {ours: state[f'{theirs}.weight'].shape[0] for theirs, ours in heads},
        task,
    )


def _stage_inflation(state: dict[str, Tensor], p: int, k: int, count: int) -> int | tuple[int, ...]:
    """MMAction2's ``inflate`` of one stage: 0, 1, or 0/1 by block where the blocks differ."""
    flags = []
    for i in range(count):
        key = f's{k}.pathway{p}_res{i}.branch2.a.weight'
        kernel = _shape(state, key, 5)[2]
        if kernel not in (1, 3):
            raise ValueError(f'{key} has a temporal kernel of {kernel}; expected 1 or 3')
        flags.append(int(kernel == 3))
    return flags[0] if len(set(flags)) == 1 else tuple(flags)


def _shape(state: dict[str, Tensor], key: str, dims: int) -> tuple[int, ...]:
    shape = tuple(state[key].shape)
    if len(shape) != dims:
        raise ValueError(f'{key} has shape {shape}; expected {dims} dimensions')
    return shape


def _swap_columns(weight: Tensor, first: int) -> Tensor:
    """(out, first + rest) -> (out, rest + first), a copy."""
    return torch.cat((weight[:, first:], weight[:, :first]), dim=1)
