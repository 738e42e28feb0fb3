"""VideoMAE and VideoMAEv2 <-> ``VisionTransformer`` of MMAction2.

Official: https://github.com/MCG-NJU/VideoMAE (``modeling_finetune.py``, ``modeling_pretrain.py``),
https://github.com/OpenGVLab/VideoMAEv2. Hugging Face: ``transformers.VideoMAEModel``.

Letters of shapes: ``C`` width, ``Q`` three times that, ``F`` hidden units of a block, ``K``
classes, ``t``, ``p`` frames and pixels of a patch, ``N`` tokens of a clip.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .converter import Converted, Converter, Row, pair, read_sizes, rename, rename_back


@dataclass(frozen=True)
class _Layout:
    """Names of one implementation beside those of MMAction2."""

    patch: list[Row]
    block: str
    """Front of the names of block ``{}``."""
    in_block: list[Row]
    head: list[Row]
    fc_norm: list[Row]
    """Norm after the mean of the tokens."""
    norm: list[Row]
    """Norm before a mean or of a single token."""
    gammas: list[Row]
    positions: list[Row]


_OFFICIAL = _Layout(
    patch=pair('patch_embed.proj', 'backbone.patch_embed.projection', 'C3tpp'),
    block='blocks.{}.',
    in_block=[
        *pair('norm1', 'norm1', 'C'),
        Row('attn.q_bias', 'attn.q_bias', 'C'),
        Row('attn.v_bias', 'attn.v_bias', 'C'),
        Row('attn.qkv.weight', 'attn.qkv.weight', 'QC'),
        *pair('attn.proj', 'attn.proj', 'CC'),
        *pair('norm2', 'norm2', 'C'),
        *pair('mlp.fc1', 'mlp.layers.0.0', 'FC'),
        *pair('mlp.fc2', 'mlp.layers.1', 'CF'),
    ],
    head=pair('head', 'cls_head.fc_cls', 'KC'),
    fc_norm=pair('fc_norm', 'backbone.fc_norm', 'C'),
    norm=pair('norm', 'backbone.norm', 'C'),
    gammas=[Row('gamma_1', 'gamma_1', 'C'), Row('gamma_2', 'gamma_2', 'C')],
    positions=[Row('pos_embed', 'backbone.pos_embed', '1NC')],
)
_HUGGING_FACE = _Layout(
    patch=pair(
        'embeddings.patch_embeddings.projection', 'backbone.patch_embed.projection', 'C3tpp'
    ),
    block='encoder.layer.{}.',
    in_block=[
        *pair('layernorm_before', 'norm1', 'C'),
        Row('attention.attention.q_bias', 'attn.q_bias', 'C'),
        Row('attention.attention.v_bias', 'attn.v_bias', 'C'),
        Row('attention.attention.query.weight', 'attn.qkv.weight', 'CC', 'QC'),
        Row('attention.attention.key.weight', 'attn.qkv.weight', 'CC', 'QC'),
        Row('attention.attention.value.weight', 'attn.qkv.weight', 'CC', 'QC'),
        *pair('attention.output.dense', 'attn.proj', 'CC'),
        *pair('layernorm_after', 'norm2', 'C'),
        *pair('intermediate.dense', 'mlp.layers.0.0', 'FC'),
        *pair('output.dense', 'mlp.layers.1', 'CF'),
    ],
    head=pair('classifier', 'cls_head.fc_cls', 'KC'),
    fc_norm=pair('fc_norm', 'backbone.fc_norm', 'C'),
    norm=pair('layernorm', 'backbone.norm', 'C'),
    gammas=[],
    positions=[],
)
_OUR_BLOCK = 'backbone.blocks.{}.'
_DECODER = ('decoder.', 'encoder_to_decoder.', 'mask_token')
# (width, blocks): name, heads of attention, which no weight tells
_KNOWN = {
    (384, 12): ('S', 6),
    (768, 12): ('B', 12),
    (1024, 24): ('L', 16),
    (1280, 32): ('H', 16),
    (1408, 40): ('g', 16),
}
_FRAMES, _SIZE = 16, 224  # of all published models
_EXPECTED = 'exactly a VideoMAE transformer, with the biases of queries and values'
_POSITIONS = 'backbone.pos_embed'


def sinusoids(tokens: int, width: int) -> Tensor:
    """The fixed table of positions of ``VisionTransformer``, to the last bit: (1, N, C)."""
    exponent = torch.arange(width, dtype=torch.float64)
    exponent = (exponent - exponent % 2) / width
    table = torch.arange(tokens).view(-1, 1) * torch.pow(10000, -exponent).view(1, -1)
    table[:, 0::2].sin_()
    table[:, 1::2].cos_()
    return table.float().unsqueeze(0)


class VideoMAE(Converter):
    """Official VideoMAE and VideoMAEv2: fine-tuned, or the encoder of pre-trained ones.

    Of a pre-trained one the decoder and the encoder's last norm are left out and ``fc_norm`` starts
    at 1 and 0, as official fine-tuning does. There is no class head then.

    Args:
        frames: Of a clip, for the table of positions; None: 16.
        size: Of a frame in pixels, for the same; None: 224.
    """

    name = 'videomae'
    origin = 'VideoMAE checkpoint'
    keys = ('model', 'module', 'state_dict', 'model_ema', '')
    _layout = _OFFICIAL
    _NAMES = re.compile(r'((module|_orig_mod|model|encoder)\.)*blocks\.\d+\.attn\.q_bias$')
    _OURS = re.compile(r'backbone\.blocks\.\d+\.attn\.q_bias$')

    def __init__(self, frames: int | None = None, size: int | None = None) -> None:
        self._frames, self._size = frames, size

    def matches(self, weights: Mapping[str, Any], *, reverse: bool = False) -> bool:
        """By the bias of the queries, which other transformers do not have alone."""
        pattern = self._OURS if reverse else self._NAMES
        return any(pattern.match(str(name)) for name in weights)

    def for_clips(self, frames: int | None, size: int | None) -> Converter:
        """See the class."""
        return type(self)(frames, size)

    def forward(self, weights: dict[str, Tensor]) -> Converted:
        """To MMAction2."""
        layout = self._layout
        state = self._bare(weights)
        if any(name.endswith('.attn.scale') for name in state):
            raise ValueError(
                'has cosine attention (`attn.scale`); expected scaled products, the only attention '
                "of MMAction2's VisionTransformer"
            )
        decoder = [name for name in state if name.startswith(_DECODER)]
        trained = any(row.theirs in state for row in (*layout.head, *layout.fc_norm))
        dropped = decoder + [row.theirs for row in layout.norm if not trained]
        state = {name: value for name, value in state.items() if name not in dropped}
        like = state.get(layout.patch[1].theirs)
        if not trained and isinstance(like, Tensor):
            fresh = torch.ones_like(like), torch.zeros_like(like)
            state.update({row.theirs: value for row, value in zip(layout.fc_norm, fresh)})
        rows = self._rows(state, 'theirs', layout.block)
        sizes = self._sizes(state, rows, 'theirs')
        result = rename(state, rows, sizes, _EXPECTED)
        lines = self._summary(result, rows, sizes)
        if decoder:
            lines.append(f'dropped the decoder ({len(decoder)} tensors)')
        if not trained:
            lines.append("fc_norm starts at 1 and 0 and replaces the encoder's own norm")
        if _POSITIONS not in result:
            tokens = sizes['N'] = self._tokens(sizes)
            result[_POSITIONS] = sinusoids(tokens, sizes['C'])
        return Converted(result, lines)

    def reverse(self, weights: dict[str, Tensor], task: str = '') -> Converted:
        """To the names of the family, without the table of positions where it is the fixed one."""
        if any(name.startswith('aux_heads.') for name in weights):
            raise ValueError(
                'has auxiliary heads, for which VideoMAE has no names; remove them with '
                'tools/strip_aux.py'
            )
        state = dict(weights)
        table = state.get(_POSITIONS)
        if isinstance(table, Tensor) and table.dim() == 3 and len(table) == 1:
            if torch.equal(table, sinusoids(*table.shape[1:]).to(table.dtype)):
                del state[_POSITIONS]
            elif not self._layout.positions:
                raise ValueError(
                    f'{_POSITIONS} is learned, for which {self.name} has no name; take '
                    '--from videomae'
                )
        rows = self._rows(state, 'ours', _OUR_BLOCK)
        sizes = self._sizes(state, rows, 'ours')
        result = rename_back(state, rows, sizes, _EXPECTED)
        return Converted(result, [f'{len(result)} tensors in the names of {self.name}'])

    def _bare(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Without the fronts that all names, or those of the encoder, have."""
        if all(name.startswith('model.') for name in weights):  # VideoMAEv2 at Hugging Face
            weights = _named(weights, lambda name: name[len('model.') :])
        if any(name.startswith('encoder.') for name in weights):
            weights = _named(weights, lambda name: re.sub(r'^encoder\.', '', name))
        return weights

    def _rows(self, names: Mapping[str, Any], side: str, block: str) -> list[Row]:
        """The rows of a network, from the names on one side."""
        layout = self._layout

        def has(rows: list[Row], front: str = '') -> bool:
            return any(front + getattr(row, side) in names for row in rows)

        index = re.compile(re.escape(block).replace(r'\{\}', r'(\d+)'))
        depth = len({match[1] for match in map(index.match, names) if match})
        in_block = layout.in_block + (layout.gammas if has(layout.gammas, block.format(0)) else [])
        plain = has(layout.norm) and not has(layout.fc_norm)
        rows = [*layout.patch, *(layout.norm if plain else layout.fc_norm)]
        rows += [row for group in (layout.head, layout.positions) if has(group) for row in group]
        return rows + [
            row._replace(
                theirs=layout.block.format(i) + row.theirs, ours=_OUR_BLOCK.format(i) + row.ours
            )
            for i in range(max(1, depth))  # one without names is reported
            for row in in_block
        ]

    def _sizes(self, state: Mapping[str, Any], rows: list[Row], side: str) -> dict[str, int]:
        """Sizes by letter, from the tensors that fix them."""
        fixing = ('FC', 'KC', '1NC', 'C3tpp')
        sizes = read_sizes(
            state, {getattr(row, side): row.shape for row in rows if row.shape in fixing}
        )
        return {**sizes, 'Q': 3 * sizes['C']} if 'C' in sizes else sizes

    def _tokens(self, sizes: Mapping[str, int]) -> int:
        """Tokens of a clip for the table of positions."""
        frames, size = self._frames or _FRAMES, self._size or _SIZE
        if frames % sizes['t'] or size % sizes['p']:
            raise ValueError(
                f'{frames} frames of {size} pixels are no whole number of patches of '
                f'{sizes["t"]} frames and {sizes["p"]} pixels; give other --frames or --size'
            )
        return frames // sizes['t'] * (size // sizes['p']) ** 2

    def _image(self, sizes: Mapping[str, int]) -> tuple[int, int]:
        """Frames and pixels that the positions are for."""
        frames, size = self._frames or _FRAMES, self._size or _SIZE
        if 'N' in sizes:  # learned: the file decides
            rows = math.isqrt(sizes['N'] // max(1, frames // sizes['t']))
            if frames // sizes['t'] * rows**2 != sizes['N'] or (
                self._size and self._size // sizes['p'] != rows
            ):
                raise ValueError(
                    f'has learned positions of {sizes["N"]} tokens; expected '
                    f'{self._tokens(sizes)}, of {frames} frames of {size} pixels: give the '
                    '--frames and --size that the model was trained with'
                )
            size = rows * sizes['p']
        return frames, size

    def _summary(
        self, result: Mapping[str, Tensor], rows: list[Row], sizes: Mapping[str, int]
    ) -> list[str]:
        """What was found, and which MMAction2 settings fit it."""
        width, depth = sizes['C'], sum(row.ours.endswith('attn.qkv.weight') for row in rows)
        depth //= sum(row.ours == 'attn.qkv.weight' for row in self._layout.in_block)
        letter, heads = _KNOWN.get((width, depth), ('', None))
        frames, size = self._image(sizes)
        settings = dict(
            img_size=size,
            patch_size=sizes['p'],
            embed_dims=width,
            depth=depth,
            num_heads=heads or '(not in the weights)',
            mlp_ratio=sizes['F'] / width,
            num_frames=frames,
            tubelet_size=sizes['t'],
        )
        if 'N' in sizes:
            settings['use_learnable_pos_emb'] = True
        if 'backbone.fc_norm.weight' not in result:
            settings['use_mean_pooling'] = False
        if 'backbone.blocks.0.gamma_1' in result:
            settings['init_values'] = 0.1  # any above 0: the weights replace it
        parameters = sum(value.numel() for value in result.values())
        lines = [
            f'ViT{"-" * bool(letter)}{letter}, {depth} blocks: {len(result)} tensors, '
            f'{parameters:,} parameters',
            'settings: type=VisionTransformer, '
            + ', '.join(f'{name}={value}' for name, value in settings.items()),
            f'class head: TimeSformerHead, num_classes={sizes["K"]}, in_channels={width}'
            if 'K' in sizes
            else 'no class head in the file',
        ]
        if 'N' not in sizes:
            lines.append(
                f'positions: the fixed table of {frames} frames of {size} pixels (--frames, --size)'
            )
        return lines


class HuggingFaceVideoMAE(VideoMAE):
    """VideoMAE as the library transformers has it: fine-tuned, pre-trained or the model alone."""

    name = 'videomae_hf'
    origin = "VideoMAE file of Hugging Face's transformers"
    keys = ('', 'state_dict', 'model')
    _layout = _HUGGING_FACE
    _NAMES = re.compile(
        r'(module\.)?(videomae\.)?encoder\.layer\.\d+\.attention\.attention\.(q_bias|query\.bias)$'
    )

    def _bare(self, weights: dict[str, Tensor]) -> dict[str, Tensor]:
        """Names of the model alone, as files at Hugging Face have them."""

        def bare(name: str) -> str:  # transformers 5 has biases of its own linear layers
            name = re.sub(r'\.attention\.query\.bias$', '.attention.q_bias', name)
            name = re.sub(r'\.attention\.value\.bias$', '.attention.v_bias', name)
            return name[len('videomae.') :] if name.startswith('videomae.') else name

        return _named(weights, bare)

    def reverse(self, weights: dict[str, Tensor], task: str = '') -> Converted:
        """To ``VideoMAEForVideoClassification``."""
        converted = super().reverse(weights, task)
        outside = tuple(row.theirs for row in (*self._layout.head, *self._layout.fc_norm))
        state = _named(
            converted.weights, lambda name: name if name in outside else f'videomae.{name}'
        )
        return Converted(state, converted.lines)


def _named(weights: dict[str, Tensor], name_of: Callable[[str], str]) -> dict[str, Tensor]:
    """Weights by other names, which must stay different."""
    named = {name_of(name): value for name, value in weights.items()}
    if len(named) < len(weights):
        raise ValueError(
            'has two tensors of one name, with and without a front such as `encoder.`; expected '
            'the weights of one model'
        )
    return named
