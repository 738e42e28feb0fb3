"""Where each backbone of MMAction2 1.2.0 has a map for auxiliary heads, by its type.

A preset reads the numbers off the built backbone, so that depth, width, patch size and strides of a
config count. A class without a preset is looked up by its bases, then probed with a tiny clip.
"""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Mapping
from math import prod
from typing import Any

from mmaction.models import Recognizer2D
from mmaction.registry import MODELS
from mmaction.utils import ConfigType
from mmengine.model import is_model_wrapper
from torch import nn

from egoexo_mm.interaction_maps import MapGeometry

from .feature_taps import AXES, FeatureTap, complete_tap

IN_BATCH = '(n t) d h w'  # frames in the batch dimension
Preset = Callable[[Any], FeatureTap]


def _last(backbone: nn.Module) -> tuple[int, tuple[int, ...]]:
    """Stage of the last output, and its place in the output."""
    indices = backbone.out_indices
    return max(indices), (len(indices) - 1,) if len(indices) > 1 else ()


def _resnet(backbone: nn.Module, **changes: Any) -> FeatureTap:
    """TSN, TRN, TANet, TIN, TPN on frames."""
    stage, select = _last(backbone)
    tap = FeatureTap(
        select=select,
        order=IN_BATCH,
        channels=backbone.block.expansion * 64 * 2**stage,
        time_stride=1,
        cell_size=4 * prod(backbone.strides[: stage + 1]),  # convolution and pooling in front: 4
    )
    return dataclasses.replace(tap, **changes)


def _c2d(backbone: nn.Module) -> FeatureTap:
    """Frames one by one, but for a pooling over two of them."""
    return _resnet(backbone, order=AXES, time_stride=2)


def _tsm(backbone: nn.Module) -> FeatureTap:
    return _resnet(backbone, time_stride=2 if backbone.temporal_pool else 1)


def _mobilenet(backbone: nn.Module) -> FeatureTap:
    stage, select = _last(backbone)
    strides = [stride for *_, stride in backbone.arch_settings]
    layer = getattr(backbone, backbone.layers[stage])
    layer = layer if stage == len(strides) else layer[-1].conv[-1]
    return FeatureTap(
        select=select,
        order=IN_BATCH,
        channels=layer.conv.out_channels,
        time_stride=1,
        cell_size=2 * prod(strides[: stage + 1]),
    )


def _strides_3d(backbone: nn.Module, stage: int) -> tuple[int, int]:
    """Frames and pixels per frame and cell after a stage of ``ResNet3d``."""
    time = backbone.conv1_stride_t * prod(backbone.temporal_strides[: stage + 1])
    space = backbone.conv1_stride_s * prod(backbone.spatial_strides[: stage + 1])
    if backbone.with_pool1:
        time, space = time * backbone.pool1_stride_t, space * backbone.pool1_stride_s
    return time, space


def _width_3d(backbone: nn.Module, stage: int) -> int:
    return backbone.block.expansion * backbone.base_channels * 2**stage


def _resnet3d(backbone: nn.Module) -> FeatureTap:
    """I3D with and without non-local blocks, SlowOnly, CSN, TPN on clips."""
    stage, select = _last(backbone)
    time, space = _strides_3d(backbone, stage)
    return FeatureTap(
        select=select,
        channels=_width_3d(backbone, stage),
        time_stride=time * (2 if backbone.with_pool2 else 1),
        cell_size=space,
    )


def _r2plus1d(backbone: nn.Module) -> FeatureTap:
    """It returns its last stage, whatever ``out_indices``, and has no second pooling."""
    stage = backbone.num_stages - 1
    time, space = _strides_3d(backbone, stage)
    return FeatureTap(channels=_width_3d(backbone, stage), time_stride=time, cell_size=space)


def _slowfast(backbone: nn.Module) -> FeatureTap:
    """Slow and fast pathway; :class:`EgoExoSlowFast` says which frames the slow one sees."""
    paths = (backbone.slow_path, backbone.fast_path)
    stages = [path.num_stages - 1 for path in paths]
    strides = [_strides_3d(path, stage) for path, stage in zip(paths, stages)]
    rates = (backbone.resample_rate, backbone.resample_rate // backbone.speed_ratio)
    return FeatureTap(
        channels=tuple(_width_3d(path, stage) for path, stage in zip(paths, stages)),
        time_stride=tuple(rate * time for rate, (time, _) in zip(rates, strides)),
        cell_size=strides[0][1],
        frame_sampling=getattr(backbone, 'slow_sampling', 'stride'),
    )


def _x3d(backbone: nn.Module) -> FeatureTap:
    return FeatureTap(
        channels=backbone.feat_dim,
        time_stride=1,
        cell_size=2 * prod(backbone.spatial_strides[: backbone.num_stages]),
    )


def _omni(backbone: nn.Module) -> FeatureTap:
    return FeatureTap(channels=backbone.inplanes, time_stride=1, cell_size=32)


def _c3d(backbone: nn.Module) -> FeatureTap:
    """The last convolution. Three poolings over two frames: a map is of the middle of eight."""
    return FeatureTap(
        module='conv5b',
        channels=backbone.conv5b.conv.out_channels,
        time_stride=8,
        cell_size=16,
        frame_sampling='middle',
    )


def _swin(backbone: nn.Module) -> FeatureTap:
    stage, select = _last(backbone)
    halved = stage + bool(backbone.out_after_downsample)
    return FeatureTap(
        select=select,
        channels=backbone.num_features[stage],
        time_stride=backbone.patch_size[0],
        cell_size=backbone.patch_size[1] * 2**halved,
    )


def _uniformer(backbone: nn.Module) -> FeatureTap:
    patches = [getattr(backbone, f'patch_embed{i}').proj for i in (1, 2, 3, 4)]
    return FeatureTap(
        channels=patches[-1].out_channels,
        time_stride=prod(patch.stride[0] for patch in patches),
        cell_size=prod(patch.stride[1] for patch in patches),
    )


def _uniformerv2(backbone: nn.Module) -> FeatureTap:
    """Tokens of the last local block; the backbone returns a class token."""
    return FeatureTap(
        module=f'transformer.resblocks.{len(backbone.transformer.resblocks) - 1}',
        order='(h w) (n t) d',
        class_tokens=1,
        channels=backbone.conv1.out_channels,
        time_stride=backbone.conv1.stride[0],
        cell_size=backbone.conv1.stride[1],
    )


def _mvit(backbone: nn.Module) -> FeatureTap:
    """The map of the last scale, beside its class token where there is one."""
    scale = backbone.out_scales[-1]
    time, space, _ = backbone.patch_embed.projection.stride
    return FeatureTap(
        select=(-1, 0) if backbone.output_cls_token else (-1,),
        channels=getattr(backbone, f'norm{scale}').normalized_shape[0],
        time_stride=time,
        cell_size=space * 2**scale,
    )


def _timesformer(backbone: nn.Module) -> FeatureTap:
    """Patch tokens after the last norm; ``space_only`` averages over frames before it."""
    frames_apart = backbone.attention_type == 'space_only'
    return FeatureTap(
        module='transformer_layers' if frames_apart else 'norm',
        order='(n t) (h w) d' if frames_apart else 'n (h w t) d',
        class_tokens=1,
        channels=backbone.embed_dims,
        time_stride=1,
        cell_size=backbone.patch_embed.projection.stride[0],
    )


def _vit(backbone: nn.Module) -> FeatureTap:
    """VideoMAE: all tokens after the last block. ``norm`` does nothing where the mean is taken."""
    projection = backbone.patch_embed.projection
    time, space, _ = projection.stride
    known = hasattr(backbone, 'embed_dims')  # from mmaction2 1.1 on
    return FeatureTap(
        module='norm',
        order='n (t h w) d',
        channels=backbone.embed_dims if known else projection.out_channels,
        time_stride=time,
        cell_size=space,
    )


PRESETS: dict[str, Preset] = {
    'C2D': _c2d,
    'C3D': _c3d,
    'MViT': _mvit,
    'MobileNetV2': _mobilenet,
    'MobileNetV2TSM': _mobilenet,
    'OmniResNet': _omni,
    'ResNet': _resnet,
    'ResNet2Plus1d': _r2plus1d,
    'ResNet3d': _resnet3d,
    'ResNet3dCSN': _resnet3d,
    'ResNet3dSlowFast': _slowfast,
    'EgoExoSlowFast': _slowfast,
    'ResNet3dSlowOnly': _resnet3d,
    'ResNetTIN': _resnet,
    'ResNetTSM': _tsm,
    'SwinTransformer3D': _swin,
    'TANet': _resnet,
    'TimeSformer': _timesformer,
    'UniFormer': _uniformer,
    'UniFormerV2': _uniformerv2,
    'VisionTransformer': _vit,
    'X3D': _x3d,
}


def preset_of(backbone: nn.Module) -> FeatureTap | None:
    """The tap of a backbone of MMAction2 or of a class derived from one; None for others."""
    for kind in type(backbone).__mro__:
        # Other libraries have a ResNet and a VisionTransformer too.
        ours = kind.__module__.startswith(('mmaction.', 'egoexo_mm.'))
        if ours and kind.__name__ in PRESETS:
            return PRESETS[kind.__name__](backbone)
    return None


def feature_tap(
    backbone: nn.Module, changes: Mapping[str, Any] | None = None, frames_in_batch: bool = False
) -> FeatureTap:
    """The tap of a backbone: its preset with a user's changes, else what a probe finds.

    Another ``module`` of a network of tokens keeps the preset's channels and strides. Of any other
    network they are probed, where ``changes`` does not give them.

    Args:
        backbone: Built.
        changes: Arguments of :class:`FeatureTap`.
        frames_in_batch: Whether a 2D recognizer feeds it.

    Raises:
        ValueError: If channels and strides are not known and cannot be found.
    """
    changes = dict(changes or {})
    unknown = set(changes) - {field.name for field in dataclasses.fields(FeatureTap)}
    if unknown:
        raise ValueError(f'tap has no {sorted(unknown)}; it takes the arguments of FeatureTap')
    tap = preset_of(backbone)
    if tap is None or ({'module', 'select'} & set(changes) and not tap.has_tokens):
        tap = FeatureTap(**{'order': IN_BATCH if frames_in_batch else AXES, **changes})
    else:
        tap = dataclasses.replace(tap, **changes)
    names = dict(backbone.named_modules())
    if tap.module not in names:
        near = [name for name in names if name.startswith(tap.module.split('.')[0])][:8]
        raise ValueError(
            f'tap: {type(backbone).__name__} has no module {tap.module!r}; it has '
            f'{", ".join(near or [name for name in names if name and "." not in name])}'
        )
    return tap if tap.is_complete else complete_tap(tap, backbone, frames_in_batch)


def map_geometry(
    model: nn.Module | ConfigType, head: str = 'interaction_map'
) -> MapGeometry | None:
    """Frames and cells of the maps that a recognizer predicts.

    ``LoadTargets(**dataclasses.asdict(map_geometry(cfg.model)))`` makes the same.

    Args:
        model: An ``EgoExoRecognizer``, or its config (its backbone is built to read its strides).
        head: Name in ``aux_heads``.

    Returns:
        None where a built model does not know, because a user gave the channels of a backbone that
        has no preset.
    """
    if isinstance(model, nn.Module):
        return (model.module if is_model_wrapper(model) else model).map_geometry(head)
    cfg = dict(model.get('aux_heads') or {}).get(head) or {}
    kind = MODELS.get(model['type']) if isinstance(model['type'], str) else model['type']
    in_batch = issubclass(kind, Recognizer2D)
    backbone = MODELS.build(copy.deepcopy(model['backbone']))
    changes = {**(model.get('tap') or {}), **(cfg.get('tap') or {})}
    tap = feature_tap(backbone, changes, in_batch)
    return tap.geometry(cfg.get('pathway', 0), join_clips=in_batch)
