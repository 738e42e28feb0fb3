from .check_weights_hook import CheckWeightsHook
from .sample_seed_hook import SampleSeedHook
from .warmup_cosine_lr import WarmupCosineLR

__all__ = ['CheckWeightsHook', 'SampleSeedHook', 'WarmupCosineLR']
