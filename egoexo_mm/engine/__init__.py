from .sample_seed_hook import SampleSeedHook
from .warmup_cosine_lr import WarmupCosineLR

__all__ = ['SampleSeedHook', 'WarmupCosineLR']
