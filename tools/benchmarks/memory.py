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

CARDS = (11, 16, 24, 40, 80)  # GiB
SPARE = 1.5  # GiB of a card for the CUDA context and what kernels need on the way
GIB = 2**30


def kept(cfg: Config, clips: int, half: bool = False) -> int:
    """Bytes kept for the backward pass of ``clips`` clips, with inputs and without weights.

    In half precision convolutions, linear layers and what follows them are two bytes wide, as under
    autocast; statistics and losses stay float32.
    """
    storages = {}

    def keep(x: torch.Tensor) -> torch.Tensor:
        storages[x.untyped_storage()._cdata] = x
        return x

    model = rehearsal.build(cfg, 'meta')
    data = model.data_preprocessor(rehearsal.batch(cfg, clips), True)
    if half:
        for part in model.modules():
            if isinstance(part, (torch.nn.Conv3d, torch.nn.Linear)):
                part.bfloat16()
        data['inputs'] = data['inputs'].bfloat16()
    own = {x.untyped_storage()._cdata for x in (*model.parameters(), *model.buffers())}
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda x: x):
        model.parse_losses(model(**data, mode='loss'))
    return sum(x.untyped_storage().nbytes() for key, x in storages.items() if key not in own)


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


def fixed(cfg: Config, half: bool = False) -> int:
    """Bytes of weights, gradients and momentum, and of autocast's half-precision weights."""
    return sum((14 if half else 12) * p.numel() for p in rehearsal.build(cfg, 'meta').parameters())


def largest(memory: int, per_clip: float) -> str:
    """Clips a step that fit each card."""
    return ' / '.join(
        str(max(int(((card - SPARE) * GIB - memory) // per_clip), 0)) for card in CARDS
    )


def row(name: str, precision: str) -> dict:
    """Of a config trained in fp32 or bf16, with or without gradient checkpointing."""
    cfg = rehearsal.load(name)
    if 'checkpointing' in precision:
        cfg = checkpointed(cfg)
    half = precision.startswith('bf16')
    one, two = (kept(cfg, clips, half) for clips in (2, 3))
    weights = fixed(cfg, half)
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
        # autocast keeps the Swin's layer normalisations in float32, which this count does not know
        kinds = ['fp32'] if 'swin' in name else ['fp32', 'bf16']
        if 'swin' not in name and '/' not in name:
            kinds += [f'{kind}, gradient checkpointing' for kind in kinds]
        rows += [row(name, kind) for kind in kinds]
    return rows
