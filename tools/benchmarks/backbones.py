"""Measure what auxiliary heads cost beside each recognizer of MMAction2, in its own full size.

FLOPs of one clip are counted on the ``meta`` device. CPU times of the same parts are those of this
process; share by share they come from the same forward passes.

Example:
    python tools/benchmarks/run.py --only backbones --rounds 2
"""

from __future__ import annotations

import statistics
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from torch.utils.flop_counter import FlopCounterMode

import egoexo_mm  # noqa: F401
from egoexo_mm.compat.mmcv_ext import compiled_ops_exist

HOST = Path(find_spec('mmaction').origin).parent / '.mim' / 'configs'
HEADS = Path(__file__).resolve().parents[2] / 'configs/_egoexo_base_/models/aux_heads.py'
# Name -> config of MMAction2, frames of a clip or of a 2D recognizer, pixels of its training crop.
RECOGNIZERS = {
    'VideoMAE ViT-B': ('videomae/vit-base-p16_videomae-k400-pre_16x4x1_kinetics-400', 16, 224),
    'VideoMAEv2 ViT-S': (
        'videomaev2/vit-small-p16_videomaev2-vit-g-dist-k710-pre_16x4x1_kinetics-400',
        16,
        224,
    ),
    'UniFormerV2-B': (
        'uniformerv2/uniformerv2-base-p16-res224_clip_8xb32-u8_kinetics400-rgb',
        8,
        224,
    ),
    'MViTv2-S': ('mvit/mvit-small-p244_32xb16-16x4x1-200e_kinetics400-rgb', 16, 224),
    'TimeSformer': ('timesformer/timesformer_divST_8xb8-8x32x1-15e_kinetics400-rgb', 8, 224),
    'Swin-T': ('swin/swin-tiny-p244-w877_in1k-pre_8xb8-amp-32x2x1-30e_kinetics400-rgb', 32, 224),
    'UniFormer-S': ('uniformer/uniformer-small_imagenet1k-pre_16x4x1_kinetics400-rgb', 16, 224),
    'SlowFast-R50 4x16': ('../_base_/models/slowfast_r50', 32, 224),
    'SlowOnly-R50 8x8': ('../_base_/models/slowonly_r50', 8, 224),
    'I3D-R50': ('../_base_/models/i3d_r50', 32, 224),
    'I3D-R50 with non-local blocks': (
        'i3d/i3d_imagenet-pretrained-r50-nl-dot-product_8xb8-32x2x1-100e_kinetics400-rgb',
        32,
        224,
    ),
    'C2D-R50': ('../_base_/models/c2d_r50', 8, 224),
    'C3D': ('../_base_/models/c3d_sports1m_pretrained', 16, 112),
    'R(2+1)D-R34': ('../_base_/models/r2plus1d_r34', 32, 224),
    'ir-CSN-R152': ('../_base_/models/ircsn_r152', 32, 224),
    'X3D-M': ('../_base_/models/x3d', 16, 224),
    'TPN-SlowOnly-R50': ('../_base_/models/tpn_slowonly_r50', 8, 224),
    'OmniSource-R50': (
        'omnisource/slowonly_r50_8xb16-8x8x1-256e_imagenet-kinetics400-rgb',
        8,
        224,
    ),
    'TSN-R50': ('../_base_/models/tsn_r50', 8, 224),
    'TSM-R50': ('../_base_/models/tsm_r50', 8, 224),
    'TSM-MobileNetV2': ('../_base_/models/tsm_mobilenet_v2', 8, 224),
    'TIN-R50': ('../_base_/models/tin_r50', 8, 224),
    'TANet-R50': ('../_base_/models/tanet_r50', 8, 224),
    'TRN-R50': ('../_base_/models/trn_r50', 8, 224),
    'TPN-TSM-R50': ('../_base_/models/tpn_tsm_r50', 8, 224),
}
NEED_OPS = ('TIN-R50',)  # its shift is a compiled op of MMCV, for CUDA alone


def recognizer(name: str) -> torch.nn.Module:
    """MMAction2's model of that size, with the heads of pre-training."""
    cfg = Config.fromfile(HOST / 'recognition' / f'{RECOGNIZERS[name][0]}.py').model
    on_frames = cfg.type == 'Recognizer2D'
    for part in (
        cfg.backbone,
        *(cfg.backbone.get(f'{way}_pathway', {}) for way in ('slow', 'fast')),
    ):
        if part.get('pretrained'):
            part['pretrained'] = None
    if cfg.backbone.type == 'UniFormerV2':
        cfg.backbone.clip_pretrained = False
    cfg.data_preprocessor.pop('blending', None)
    cfg.test_cfg = None
    cfg.type = 'EgoExoRecognizer2D' if on_frames else 'EgoExoRecognizer'
    cfg.aux_heads = Config.fromfile(HEADS).aux_heads
    return MODELS.build(cfg).eval()


def clip(name: str, device: str) -> torch.Tensor:
    """One normalised clip, or the frames of one video."""
    _, frames, size = RECOGNIZERS[name]
    kind = Config.fromfile(HOST / 'recognition' / f'{RECOGNIZERS[name][0]}.py').model.type
    shape = (1, frames, 3, size, size) if kind == 'Recognizer2D' else (1, 1, 3, frames, size, size)
    return torch.zeros(shape, device=device)


@torch.no_grad()
def parts(model: torch.nn.Module, inputs: torch.Tensor, measure: Any) -> tuple[float, float, tuple]:
    """What ``measure`` says of the stock recognizer and of the heads, and the size of a map."""

    def stock() -> Any:
        feats, options = model.extract_feat(inputs, test_mode=True)
        model.cls_head(feats, **options)
        return feats

    with model._reading(inputs):
        first, feats = measure(stock)
        heads = model.aux_heads
        second, maps = measure(
            lambda: {name: heads[name](model.aux_input(name, feats)) for name in heads}
        )
    return first, second, tuple(maps['interaction_map'].shape[2:])


def flops(call: Any) -> tuple[float, Any]:
    """Multiplications and additions of a call, and what it returns."""
    with FlopCounterMode(display=False) as counter:
        result = call()
    return counter.get_total_flops(), result


def seconds(call: Any) -> tuple[float, Any]:
    """CPU seconds of this process for a call, and what it returns."""
    start = time.process_time()
    result = call()
    return time.process_time() - start, result


def row(name: str, rounds: int) -> dict[str, Any]:
    """Counted, and measured where the CPU has all ops."""
    torch.manual_seed(0)
    model = recognizer(name)
    measured = '-'
    if rounds and (name not in NEED_OPS or compiled_ops_exist()):
        inputs = clip(name, 'cpu')
        times = [parts(model, inputs, seconds)[:2] for _ in range(rounds + 1)][1:]
        measured = f'{100 * statistics.median(heads / stock for stock, heads in times):.1f}'
    tap, size = model.taps.taps['interaction_map'], ''
    if name in NEED_OPS:
        stock = heads = None
    else:
        stock, heads, size = parts(model.to('meta'), clip(name, 'meta'), flops)
    _, frames, pixels = RECOGNIZERS[name]
    return {
        'recognizer': name,
        'clip': f'{frames} x {pixels} px',
        'backbone': type(model.backbone).__name__,
        'tap': tap.module or 'output',
        'map, T x H x W': ' x '.join(map(str, size)) or '-',
        'stock, GFLOP': '-' if stock is None else f'{stock / 1e9:.1f}',
        'heads, GFLOP': '-' if heads is None else f'{heads / 1e9:.2f}',
        'heads, % of FLOPs': '-' if stock is None else f'{100 * heads / stock:.1f}',
        'heads, % of CPU time': measured,
    }


def run(options: Any) -> list[dict[str, Any]]:
    """Rows for ``run.py``."""
    names = ['X3D-M'] if options.quick else RECOGNIZERS
    rows = []
    for name in names:
        rows.append(row(name, options.rounds))
        print(rows[-1], file=sys.stderr, flush=True)
    return rows
