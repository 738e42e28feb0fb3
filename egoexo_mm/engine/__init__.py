from .backbone_speed_hook import BackboneSpeedHook
from .check_weights_hook import CheckWeightsHook
from .sample_seed_hook import SampleSeedHook
from .warmup_cosine_lr import WarmupCosineLR

__all__ = ['BackboneSpeedHook', 'CheckWeightsHook', 'SampleSeedHook', 'WarmupCosineLR']
