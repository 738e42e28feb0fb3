# The heads of Ego-Exo on the small SlowFast, with the loss weights of the Kinetics recipe; 8
# objects for 1000.
_base_ = '../../_egoexo_base_/models/aux_heads.py'

ego_score = dict(_base_.aux_heads.ego_score, in_channels=80)
object_score = dict(_base_.aux_heads.object_score, in_channels=80, num_classes=8)
interaction_map = dict(_base_.aux_heads.interaction_map, in_channels=64, mid_channels=32)
