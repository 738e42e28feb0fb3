from .check_weights_hook import CheckWeightsHook
from .extraction_loop import ExtractTargetsLoop
from .frozen_model_wrapper import FrozenModelWrapper
from .sample_seed_hook import SampleSeedHook
from .warmup_cosine_lr import WarmupCosineLR

__all__ = ['CheckWeightsHook', 'ExtractTargetsLoop', 'FrozenModelWrapper', 'SampleSeedHook', 'WarmupCosineLR']
