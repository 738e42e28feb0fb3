# The short form of viewpoint.py: two seeds, an old world, a quarter of the pre-training, and fewer
# clips to test on.
#   python tools/study.py configs/study/viewpoint_short.py --jobs 2
_base_ = 'viewpoint.py'

name = 'viewpoint_short'
seeds = [0, 1]
variables = dict(size='short', world_seed=0, epochs='16', epochs_of_32='14')
