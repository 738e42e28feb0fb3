"""Visual towers of CLIP, and video models that start from them: AVION, LaViLa.

Names: https://github.com/openai/CLIP (``clip/model.py``), https://github.com/zhaoyue-zephyrus/AVION
(``avion/models/transformer.py``), https://github.com/facebookresearch/LaViLa
(``lavila/models/timesformer.py``).

Letters of shapes: ``C`` width, ``Q`` three times that, ``F`` hidden units of a block, ``K``
classes, ``p`` pixels of a patch, ``P`` numbers in it, ``N`` patches of a frame and the class token,
``T`` frames.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from torch import Tensor

from .converter import Converted, Converter, Row, pair, read_sizes, rename, rename_back

_TOWER = 'visual.'
_INDEX = re.compile(r'transformer\.resblocks\.(\d+)\.')
_OUR_INDEX = re.compile(r'backbone\.transformer_layers\.layers\.(\d+)\.norms\.')


def _attention(theirs: str, ours: str) -> list[Row]:
    """Query, key and value in one tensor, as ``nn.MultiheadAttention`` has them."""
    return [
        Row(f'{theirs}weight', f'{ours}.in_proj_weight', 'QC'),
        Row(f'{theirs}bias', f'{ours}.in_proj_bias', 'Q'),
    ]


class Clip(Converter):
    """The visual tower of CLIP to the part of MMAction2's ``UniFormerV2`` that starts from it.

    There is no way back: ``UniFormerV2`` has no place for the last norm and the projection.
    """

    name = 'clip'
    origin = 'state dict of CLIP with a ViT visual tower'
    keys = ('', 'state_dict', 'model')
    _NAMES = re.compile(r'(module\.)?(visual\.)?transformer\.resblocks\.0\.attn\.in_proj_weight$')
    _TEXT = (
        *('transformer.', 'token_embedding.', 'ln_final.', 'positional_embedding'),
        *('text_projection', 'logit_scale', 'input_resolution', 'context_length', 'vocab_size'),
    )
    _LEFT = ('ln_post.weight', 'ln_post.bias', 'proj')

    def matches(self, weights: Mapping[str, Any], *, reverse: bool = False) -> bool:
        """By the blocks, and the class token, which text towers do not have; not of videos."""
        names = [str(name) for name in weights]
        image = any(name.endswith('class_embedding') for name in names)
        video = any(name.endswith('temporal_embedding') for name in names)
        blocks = any(self._NAMES.match(name) for name in names)
        return not reverse and blocks and image and not video

    def forward(self, weights: dict[str, Tensor]) -> Converted:
        """To ``backbone.*`` of ``UniFormerV2``."""
        state = weights
        if any(name.startswith(_TOWER) for name in weights):
            text = {name for name in weights if name.startswith(self._TEXT)}
            state = {name: value for name, value in weights.items() if name not in text}
            state = {name.removeprefix(_TOWER): value for name, value in state.items()}
        dropped = [name for name in self._LEFT if name in state]
        state = {name: value for name, value in state.items() if name not in dropped}
        layers = _depth(state, _INDEX)
        rows = self._rows(layers)
        sizes = _sizes(state, rows, 'theirs')
        result = rename(
            state, rows, sizes, "exactly the ViT of CLIP's visual tower, which starts UniFormerV2"
        )
        settings = dict(
            input_resolution=_pixels(sizes),
            patch_size=sizes['p'],
            width=sizes['C'],
            layers=layers,
            heads=sizes['C'] // 64,  # CLIP's rule
            n_dim=sizes['C'],
            n_head=sizes['C'] // 64,
            clip_pretrained=False,
        )
        return Converted(
            result,
            [
                f'visual tower, {layers} blocks: {len(result)} tensors',
                f'dropped {", ".join(dropped) or "nothing"} and the text tower: UniFormerV2 has '
                'no place for them',
                _settings('UniFormerV2', settings),
                "load it with init_cfg=dict(type='Pretrained', checkpoint=OUT, prefix='backbone.') "
                'of the backbone: what UniFormerV2 adds to CLIP keeps its own start',
                'UniFormerV2 has QuickGELU, as the models of OpenAI; models of OpenCLIP that were '
                'trained with GELU do not fit, and no weight tells',
            ],
        )

    @staticmethod
    def _rows(depth: int) -> list[Row]:
        rows = [
            Row('conv1.weight', 'backbone.conv1.weight', 'C3pp', 'C31pp'),
            Row('class_embedding', 'backbone.class_embedding', 'C'),
            Row('positional_embedding', 'backbone.positional_embedding', 'NC'),
            *pair('ln_pre', 'backbone.ln_pre', 'C'),
        ]
        for i in range(depth):
            block = f'transformer.resblocks.{i}'
            ours = f'backbone.{block}'
            rows += [
                *pair(f'{block}.ln_1', f'{ours}.ln_1', 'C'),
                *_attention(f'{block}.attn.in_proj_', f'{ours}.attn'),
                *pair(f'{block}.attn.out_proj', f'{ours}.attn.out_proj', 'CC'),
                *pair(f'{block}.ln_2', f'{ours}.ln_2', 'C'),
                *pair(f'{block}.mlp.c_fc', f'{ours}.mlp.c_fc', 'FC'),
                *pair(f'{block}.mlp.c_proj', f'{ours}.mlp.c_proj', 'CF'),
            ]
        return rows


class Avion(Converter):
    """AVION's ViT of videos, pre-trained or with a class head, to ``AvionTransformer``.

    Its released files have flash attention and a linear layer for patches; models without them
    have other names and shapes of the same weights, and are read too. Of a pre-trained one the
    text tower and the projection are left out.
    """

    name = 'avion'
    origin = 'checkpoint of AVION'
    keys = ('state_dict', 'model', '')
    _NAMES = re.compile(r'(module\.)?visual\.temporal_embedding$')
    _PLAIN = {  # without flash attention: with it
        'attn.in_proj_weight': 'attn.Wqkv.weight',
        'attn.in_proj_bias': 'attn.Wqkv.bias',
        'mlp.c_fc.weight': 'mlp.fc1.weight',
        'mlp.c_fc.bias': 'mlp.fc1.bias',
        'mlp.c_proj.weight': 'mlp.fc2.weight',
        'mlp.c_proj.bias': 'mlp.fc2.bias',
    }
    _LEFT = ('textual.', 'logit_scale', 'image_projection', 'text_projection')
    _EXPECTED = "exactly AVION's VisionTransformer of several frames, with at most one class head"

    def matches(self, weights: Mapping[str, Any], *, reverse: bool = False) -> bool:
        """By the embedding of time, or our first layer, a norm."""
        if reverse:
            return 'backbone.transformer_layers.layers.0.norm.weight' in weights
        return any(self._NAMES.match(str(name)) for name in weights)

    def forward(self, weights: dict[str, Tensor]) -> Converted:
        """To MMAction2."""
        dropped = [
            name
            for name in weights
            if name.startswith(self._LEFT) or name == f'{_TOWER}image_projection'
        ]
        state = {self._flash(name): value for name, value in weights.items() if name not in dropped}
        patch = state.get(f'{_TOWER}conv1.weight')
        if isinstance(patch, Tensor) and patch.dim() == 4:
            state[f'{_TOWER}conv1.weight'] = patch.flatten(1)
        depth = _depth({name.removeprefix(_TOWER) for name in state}, _INDEX)
        rows = self._rows(depth, 'fc_cls.weight' in state)
        sizes = _sizes(state, rows, 'theirs')
        result = rename(state, rows, sizes, self._EXPECTED)
        settings = dict(
            num_frames=sizes['T'],
            img_size=_pixels(sizes),
            patch_size=sizes['p'],
            embed_dims=sizes['C'],
            num_heads=sizes['C'] // 64,
            num_transformer_layers=depth,
        )
        lines = [
            f'ViT of videos, {depth} blocks: {len(result)} tensors',
            _settings('AvionTransformer', settings),
            f'class head: TimeSformerHead, num_classes={sizes["K"]}, in_channels={sizes["C"]}'
            if 'K' in sizes
            else 'no class head in the file',
        ]
        if dropped:
            lines.append(f'dropped the text tower and projections ({len(dropped)} tensors)')
        return Converted(result, lines)

    def reverse(self, weights: dict[str, Tensor], task: str = '') -> Converted:
        """To the names of the released files."""
        rows = self._rows(_depth(weights, _OUR_INDEX), 'cls_head.fc_cls.weight' in weights)
        sizes = _sizes(weights, rows, 'ours')
        result = rename_back(weights, rows, sizes, self._EXPECTED)
        return Converted(
            result,
            [f'{len(result)} tensors in the names of --use-flash-attn --use-fast-conv1'],
        )

    def _flash(self, name: str) -> str:
        """The name that a tensor of the visual tower has with flash attention."""
        for plain, flash in self._PLAIN.items():
            if name.startswith(_TOWER) and name.endswith(f'.{plain}'):
                return name[: -len(plain)] + flash
        return name

    @staticmethod
    def _rows(depth: int, classes: bool) -> list[Row]:
        layers = 'backbone.transformer_layers.layers'
        rows = [
            Row(f'{_TOWER}conv1.weight', 'backbone.patch_embed.projection.weight', 'CP', 'C3pp'),
            Row(f'{_TOWER}class_embedding', 'backbone.cls_token', 'C', '11C'),
            Row(f'{_TOWER}positional_embedding', 'backbone.pos_embed', 'NC', '1NC'),
            Row(f'{_TOWER}temporal_embedding', 'backbone.time_embed', 'TC', '1TC'),
            *pair(f'{_TOWER}ln_pre', f'{layers}.0.norm', 'C'),
            *pair(f'{_TOWER}ln_post', 'backbone.norm', 'C'),
        ]
        for i in range(depth):
            block, ours = f'{_TOWER}transformer.resblocks.{i}', f'{layers}.{i + 1}'
            attention = f'{ours}.attentions.0.attn'
            rows += [
                *pair(f'{block}.ln_1', f'{ours}.norms.0', 'C'),
                *_attention(f'{block}.attn.Wqkv.', attention),
                *pair(f'{block}.attn.out_proj', f'{attention}.out_proj', 'CC'),
                *pair(f'{block}.ln_2', f'{ours}.norms.1', 'C'),
                *pair(f'{block}.mlp.fc1', f'{ours}.ffns.0.layers.0.0', 'FC'),
                *pair(f'{block}.mlp.fc2', f'{ours}.ffns.0.layers.1', 'CF'),
            ]
        return rows + (pair('fc_cls', 'cls_head.fc_cls', 'KC') if classes else [])


class LaViLa(Converter):
    """LaViLa's TimeSformer (and EgoVLP's, Frozen in Time's), which is refused: see the message."""

    name = 'lavila'
    origin = 'checkpoint of LaViLa'
    keys = ('state_dict', 'model', '')
    _NAMES = re.compile(r'(.*\.)?blocks\.\d+\.timeattn\.')

    def matches(self, weights: Mapping[str, Any], *, reverse: bool = False) -> bool:
        """By the attention over time."""
        return not reverse and any(self._NAMES.match(str(name)) for name in weights)

    def forward(self, weights: dict[str, Tensor]) -> Converted:
        """Refuse.

        Raises:
            ValueError: Always.
        """
        raise ValueError(
            "is LaViLa's TimeSformer, which no backbone of MMAction2 computes: its class token "
            'takes part in the attention over time, the attention over space is added to the input '
            'of a block instead of to the result over time, and where it starts from CLIP it has '
            'QuickGELU and a norm before the first block; expected weights of another family'
        )


def _depth(names: Any, pattern: re.Pattern) -> int:
    """Blocks by their names; at least one, so that one without names is reported."""
    return max(1, len({match[1] for match in map(pattern.match, names) if match}))


def _sizes(state: Mapping[str, Any], rows: list[Row], side: str) -> dict[str, int]:
    """Sizes by letter, from the tensors that fix them on one side."""
    shapes = {}
    for row in rows:
        letters = row.shape if side == 'theirs' or not row.our_shape else row.our_shape
        if set(letters) & set('FKNTPp'):
            shapes[getattr(row, side)] = letters
    sizes = read_sizes(state, shapes)
    if 'P' in sizes:
        sizes['p'] = math.isqrt(sizes['P'] // 3)
    if 'p' in sizes:
        sizes['P'] = 3 * sizes['p'] ** 2
    return {**sizes, 'Q': 3 * sizes['C']} if 'C' in sizes else sizes


def _pixels(sizes: Mapping[str, int]) -> int:
    """Height and width of a frame, from the positions."""
    grid = math.isqrt(max(0, sizes['N'] - 1))
    if grid**2 != sizes['N'] - 1:
        raise ValueError(
            f'has positions of {sizes["N"]} tokens; expected a class token and a square of patches'
        )
    return grid * sizes['p']


def _settings(kind: str, settings: Mapping[str, Any]) -> str:
    return f'settings: type={kind}, ' + ', '.join(f'{k}={v}' for k, v in settings.items())
