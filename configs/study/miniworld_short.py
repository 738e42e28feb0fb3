# The short form: one seed of the baseline and of Ego-Exo. The same kinds of teachers in another
# world, a quarter of the pre-training, and fewer clips to test on.
#   python tools/study.py configs/study/miniworld_short.py --jobs 2
_base_ = 'miniworld.py'

name = 'miniworld_short'
seeds = [0]
variables = dict(size='short', world_seed=0, epochs='16')
cells = dict(
    _delete_=True,
    third_only=dict(_base_.cells.third_only, goals=['test']),
    egoexo=dict(_base_.cells.egoexo, goals=['test', 'maps']),
)
