"""Which parts of a transformer of MMAction2 are its layers, from the input to the output."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn

# Class -> parts before the first block, and the lists of blocks in order. What follows the blocks
# (norms, UniFormerV2's global blocks) is new at the start of fine-tuning, as heads are.
_PARTS: dict[str, Callable[[Any], tuple[list[str], list[str]]]] = {
    'VisionTransformer': lambda net: (['patch_embed', 'pos_embed', 'cls_token'], ['blocks']),
    'MViT': lambda net: (['patch_embed', 'pos_embed', 'cls_token'], ['blocks']),
    'TimeSformer': lambda net: (
        ['patch_embed', 'pos_embed', 'cls_token', 'time_embed'],
        ['transformer_layers.layers'],
    ),
    'UniFormerV2': lambda net: (
        ['conv1', 'class_embedding', 'positional_embedding', 'ln_pre'],
        ['transformer.resblocks'],
    ),
    'UniFormer': lambda net: (['patch_embed1'], [f'blocks{i}' for i in (1, 2, 3, 4)]),
    'SwinTransformer3D': lambda net: (
        ['patch_embed'],
        [f'layers.{i}.blocks' for i in range(len(net.layers))],
    ),
}


def backbone_layers(backbone: nn.Module) -> list[list[str]]:
    """Names of the parts of each layer; layer 0 is what comes before the first block.

    A reduction of the map between two blocks belongs to the block before it in Swin, and to the
    block after it in UniFormer.

    Raises:
        ValueError: For a backbone whose layers are not known.
    """
    kind = next((one.__name__ for one in type(backbone).__mro__ if one.__name__ in _PARTS), None)
    if kind is None:
        raise ValueError(
            f'the layers of {type(backbone).__name__} are not known; known are those of '
            f'{", ".join(_PARTS)} and of classes derived from them'
        )
    stem, lists = _PARTS[kind](backbone)
    layers = [stem]
    for stage, blocks in enumerate(lists):
        layers += [[f'{blocks}.{i}'] for i in range(len(backbone.get_submodule(blocks)))]
        if kind == 'SwinTransformer3D':
            layers[-1].append(f'layers.{stage}.downsample')
        elif kind == 'UniFormer' and stage:
            first = layers.index([f'{blocks}.0'])
            layers[first].append(f'patch_embed{stage + 1}')
    return layers


def block_names(backbone: nn.Module) -> list[str]:
    """Names of its blocks in order.

    Raises:
        ValueError: For a backbone whose layers are not known.
    """
    return [parts[0] for parts in backbone_layers(backbone)[1:]]
