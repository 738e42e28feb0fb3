"""Learning rates that fall from the heads to the input of a transformer."""

from __future__ import annotations

from typing import Any

from mmaction.engine import LearningRateDecayOptimizerConstructor
from mmaction.registry import OPTIM_WRAPPER_CONSTRUCTORS
from mmengine.logging import MMLogger
from torch import nn

from egoexo_mm.models.backbone_layers import backbone_layers

# Beside vectors and biases, which no recipe decays: no_weight_decay of timm's and VideoMAE's ViT,
# ZERO_DECAY_POS_CLS of PySlowFast's MViT, and the position biases of Swin.
_NOT_DECAYED = {
    'cls_token',
    'class_embedding',
    'temporal_cls_token',
    'pos_embed',
    'time_embed',
    'positional_embedding',
    'rel_pos_h',
    'rel_pos_w',
    'rel_pos_t',
    'relative_position_bias_table',
}


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class EgoExoLayerDecay(LearningRateDecayOptimizerConstructor):
    """``LearningRateDecayOptimizerConstructor`` for more backbones, with auxiliary heads.

    Of ``L`` blocks block ``l`` (from 1) learns at ``decay_rate ** (L + 1 - l)`` of the base rate,
    the patch embedding at ``decay_rate ** (L + 1)``. All heads (``cls_head.*``, ``aux_heads.*``),
    necks and what follows the last block learn at the base rate. Norms, biases, and embeddings of
    class and position have no weight decay.

    It knows VisionTransformer, MViT, TimeSformer, UniFormerV2, UniFormer and SwinTransformer3D.
    ``paramwise_cfg`` has ``decay_rate`` and optionally ``num_layers``, which must be ``L``, and
    ``decay_type='layer_wise'``.
    """

    def add_params(self, params: list[dict], module: nn.Module, **kwargs: Any) -> None:
        """Append a group for each layer, with and without weight decay.

        Raises:
            ValueError: For other options, a backbone without known layers, or another number of
                them.
        """
        rate, layers = self._read_config(module)
        groups: dict[str, dict] = {}
        for name, param in module.named_parameters():
            if not param.requires_grad:
                continue
            layer = layer_id(name, layers)
            decays = param.dim() > 1 and name.rpartition('.')[2] not in _NOT_DECAYED
            decays = decays and not name.endswith('.bias')
            key = f'layer_{layer}_{"decay" if decays else "no_decay"}'
            if key not in groups:
                scale = rate ** (len(layers) - layer)
                groups[key] = dict(params=[], param_names=[], group_name=key, lr_scale=scale)
                groups[key]['lr'] = scale * self.base_lr
                if self.base_wd is not None:
                    groups[key]['weight_decay'] = self.base_wd if decays else 0.0
            groups[key]['params'].append(param)
            groups[key]['param_names'].append(name)
        log = MMLogger.get_current_instance().info
        for key, group in sorted(groups.items(), key=lambda item: item[1]['lr']):
            log(f'{key}: {len(group["params"])} parameters, learning rate {group["lr"]:.4g}')
        params.extend(groups.values())

    def _read_config(self, module: nn.Module) -> tuple[float, list[list[str]]]:
        """Decay rate, and the layers of the backbone."""
        options = dict(self.paramwise_cfg)
        rate, depth = options.pop('decay_rate', None), options.pop('num_layers', None)
        if options.pop('decay_type', 'layer_wise') != 'layer_wise' or options or not rate:
            raise ValueError(
                'EgoExoLayerDecay: paramwise_cfg takes decay_rate, num_layers and '
                f"decay_type='layer_wise', got {dict(self.paramwise_cfg)}; set "
                "paramwise_cfg=dict(decay_rate=0.75), or use MMEngine's constructor for others"
            )
        if not hasattr(module, 'backbone'):  # the stand-in model of MMAction2's vis_scheduler.py
            return rate, []
        try:
            layers = backbone_layers(module.backbone)
        except ValueError as error:
            raise ValueError(
                f'EgoExoLayerDecay: {error}; train it without optim_wrapper.constructor'
            ) from None
        if depth not in (None, len(layers) - 1):
            raise ValueError(
                f'EgoExoLayerDecay: num_layers is {depth}, but {type(module.backbone).__name__} '
                f'has {len(layers) - 1} blocks; set num_layers to that or leave it out'
            )
        return rate, layers


def layer_id(name: str, layers: list[list[str]]) -> int:
    """Number of a parameter's layer; ``len(layers)`` for heads and what follows the blocks.

    Args:
        name: Of the parameter in the recognizer.
        layers: See :func:`~egoexo_mm.models.backbone_layers.backbone_layers`.
    """
    for number, parts in enumerate(layers):
        if any(f'{name}.'.startswith(f'backbone.{part}.') for part in parts):
            return number
    return len(layers)
