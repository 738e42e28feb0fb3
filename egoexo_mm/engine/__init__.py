"""Hooks, loops, optimizer and schedule where the host has none."""

from .backbone_speed_hook import BackboneSpeedHook
from .broken_media_hook import BrokenMediaHook
from .check_data_hook import CheckDataHook
from .check_gradients_hook import CheckGradientsHook
from .check_targets_hook import CheckTargetsHook
from .check_weights_hook import CheckWeightsHook
from .checkpoint_blocks_hook import CheckpointBlocksHook
from .deferred_runtime_info_hook import DeferredRuntimeInfoHook
from .draw_maps_hook import DrawMapsHook
from .extraction_loop import ExtractTargetsLoop
from .finite_loss_hook import FiniteLossHook
from .frozen_model_wrapper import FrozenModelWrapper
from .fused_sgd import FusedSGD
from .layer_decay import EgoExoLayerDecay
from .sample_seed_hook import SampleSeedHook
from .warmup_cosine_lr import WarmupCosineLR

__all__ = [
    'BackboneSpeedHook',
    'BrokenMediaHook',
    'CheckDataHook',
    'CheckGradientsHook',
    'CheckTargetsHook',
    'CheckWeightsHook',
    'CheckpointBlocksHook',
    'DeferredRuntimeInfoHook',
    'DrawMapsHook',
    'EgoExoLayerDecay',
    'ExtractTargetsLoop',
    'FiniteLossHook',
    'FrozenModelWrapper',
    'FusedSGD',
    'SampleSeedHook',
    'WarmupCosineLR',
]
