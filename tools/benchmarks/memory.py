"""Memory for training each shipped config, counted without a GPU: which card fits which config.

Counted are the bytes that the forward pass keeps for the backward pass (each storage once), in
tensors of full size without values, and weights, gradients and momentum. Not counted are what
single kernels need on the way, and the CUDA context.
"""

from __future__ import annotations

import measuring
import rehearsal
import torch
from mmengine.config import Config

from egoexo_mm.engine.checkpoint_blocks_hook import checkpoint_modules
from egoexo_mm.models.backbone_layers import block_names

CARDS = (11, 16, 24, 40, 80)  # GiB
SPARE = 1.5  # GiB of a card for the CUDA context and what kernels need on the way
GIB = 2**30


def kept(cfg: Config, clips: int, half: bool = False, blocks: bool = False) -> int:
    """Bytes kept for the backward pass of ``clips`` clips, with inputs and without weights.

    In half precision convolutions, linear layers and what follows them are two bytes wide, as under
    autocast; statistics and losses stay float32. With ``blocks`` the blocks of a transformer keep
    their inputs alone (``CheckpointBlocksHook``).
    """
    storages = {}

    def keep(x: torch.Tensor) -> torch.Tensor:
        storages[_key(x)] = x
        return x

    model = rehearsal.build(cfg, 'meta')
    data = model.data_preprocessor(rehearsal.batch(cfg, clips), True)
    if blocks:
        checkpoint_modules(model.backbone)
        for name in block_names(model.backbone):
            block = model.backbone.get_submodule(name)
            block.register_forward_pre_hook(
                lambda _, args: storages.update({_key(args[0]): args[0]})
            )
    if half:
        for part in model.modules():
            if isinstance(part, (torch.nn.Conv3d, torch.nn.Linear)):
                part.bfloat16()
        data['inputs'] = data['inputs'].bfloat16()
    own = {_key(x) for x in (*model.parameters(), *model.buffers())}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        model.parse_losses(model(**data, mode='loss'))
    return sum(x.untyped_storage().nbytes() for key, x in storages.items() if key not in own)


def _key(x: torch.Tensor) -> int:
    """The storage, which views share."""
    return x.untyped_storage()._cdata


def checkpointed(cfg: Config) -> Config:
    """The config with gradient checkpointing in every block of its backbone."""
    cfg = cfg.copy()
    parts = [
        cfg.model.backbone[name]
        for name in ('slow_pathway', 'fast_pathway')
        if name in cfg.model.backbone
    ]
    for part in parts or [cfg.model.backbone]:
        part['with_cp'] = True
    return cfg


def fixed(cfg: Config, half: bool = False, moments: int = 1) -> int:
    """Bytes of weights, gradients and momentum, and of autocast's half-precision weights.

    AdamW keeps two ``moments``, SGD one.
    """
    size = 8 + 4 * moments + (2 if half else 0)
    return sum(size * p.numel() for p in rehearsal.build(cfg, 'meta').parameters())


def blocks_of(cfg: Config) -> list[str]:
    """Names of the blocks of a transformer; none of other backbones."""
    try:
        return block_names(rehearsal.build(cfg, 'meta').backbone)
    except ValueError:
        return []


def largest(memory: int, per_clip: float) -> str:
    """Clips a step that fit each card."""
    return ' / '.join(
        str(max(int(((card - SPARE) * GIB - memory) // per_clip), 0)) for card in CARDS
    )


def row(name: str, precision: str) -> dict:
    """Of a config trained in fp32 or bf16, with or without gradient checkpointing."""
    cfg = rehearsal.load(name)
    half, again = precision.startswith('bf16'), 'checkpointing' in precision
    blocks = blocks_of(cfg)
    if again and not blocks:
        cfg = checkpointed(cfg)
    one, two = (kept(cfg, clips, half, again and bool(blocks)) for clips in (2, 3))
    if again and blocks:  # beside the inputs of all blocks, one of them at a time
        one, two = (
            few + (kept(cfg, clips, half) - few) // len(blocks)
            for clips, few in ((2, one), (3, two))
        )
    adam = cfg.optim_wrapper.optimizer.type == 'AdamW'
    weights = fixed(cfg, half, moments=1 + adam)
    frames, size = rehearsal.clip(cfg)
    ours = cfg.train_dataloader.batch_size
    return {
        'config': name.removesuffix('.py'),
        'clip': f'{frames} x {size} px',
        'precision': precision,
        'weights, gradients, momentum, MiB': round(weights / 2**20),
        'per clip, MiB': round((two - one) / 2**20),
        f'GiB at {ours} clips': round((weights + one + (ours - 2) * (two - one)) / GIB, 1),
        f'clips on {" / ".join(map(str, CARDS))} GiB': largest(weights, two - one),
    }


def run(options: measuring.Options) -> list[dict]:
    """A row per config and precision."""
    names = (
        ['slowonly_k400.py']
        if options.quick
        else [name for name in rehearsal.recognizers() if 'demo' not in name]
    )
    rows = []
    for name in names:
        # autocast keeps layer normalisations and softmax in float32, which this count does not know
        transformer = blocks_of(rehearsal.load(name))
        kinds = ['fp32'] if transformer else ['fp32', 'bf16']
        if 'swin' not in name and '/' not in name:
            kinds += [f'{kind}, gradient checkpointing' for kind in kinds]
        rows += [row(name, kind) for kind in kinds]
    return rows
