_base_ = 'default_runtime.py'

custom_hooks = [dict(type='SampleSeedHook'), dict(type='CheckWeightsHook')]
default_hooks = dict(checkpoint=dict(interval=5))
