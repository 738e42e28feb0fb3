from .backbone_speed_hook import BackboneSpeedHook
from .check_weights_hook import CheckWeightsHook
from .deferred_runtime_info_hook import DeferredRuntimeInfoHook
from .extraction_loop import ExtractTargetsLoop
from .frozen_model_wrapper import FrozenModelWrapper
from .sample_seed_hook import SampleSeedHook
from .warmup_cosine_lr import WarmupCosineLR

__all__ = ['BackboneSpeedHook', 'CheckWeightsHook', 'DeferredRuntimeInfoHook', 'ExtractTargetsLoop', 'FrozenModelWrapper',
           'SampleSeedHook', 'WarmupCosineLR']
