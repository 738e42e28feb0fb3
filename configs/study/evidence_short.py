# The short form of the evidence study: one seed in an old world, a quarter of the pre-training (two
# epochs of the ViT's, without fine-tuning), to try the machine in 10 minutes of two cores. Its
# numbers mean nothing.
#   python tools/study.py configs/study/evidence_short.py --jobs 2
_base_ = 'evidence.py'

name = 'evidence_short'
title = 'The evidence study tried out: one seed in an old world, so the numbers mean nothing'
seeds = [0]
variables = dict(size='short', world_seed=0, epochs='16')
cells = dict(
    _delete_=True,
    third_only=dict(_base_.cells.third_only, goals=['test', 'probe']),
    egoexo=dict(_base_.cells.egoexo, goals=['test', 'probe', 'maps']),
    egoexo_25=dict(_base_.cells.egoexo_25, baseline='third_only'),
    vit_third_only=dict(_base_.cells.vit_third_only, epochs='2', goals=['probe']),
)
data_curve = dict(
    _delete_=True,
    measure='action',
    curves=dict(third_only={'100': 'third_only'}, egoexo={'25': 'egoexo_25', '100': 'egoexo'}),
)
reading = [
    dict(kind='difference', measure='action', cells=['egoexo']),
    dict(kind='survivors', measure='action'),
    dict(kind='share'),
]
