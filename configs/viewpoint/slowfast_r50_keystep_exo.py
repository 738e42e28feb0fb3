# SlowFast 8x8 R50 on the keysteps of Ego-Exo4D as the other cameras see them: the teacher of
# slowfast_r50_keystep_ego.py. It is tested on those cameras too.
_base_ = '../finetune/egoexo4d_keystep/slowfast_r50_keystep.py'

train_dataloader = dict(dataset=dict(views='exo'))
val_dataloader = dict(dataset=dict(views='exo'))
test_dataloader = dict(dataset=dict(views='exo'))
