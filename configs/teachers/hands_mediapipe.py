# Hand boxes alone, of Kinetics-400 on every fourth frame, on the CPU: the networks are in the wheel
# mediapipe==0.10.21. Training on this store: loss_held_object=dict(loss_weight=0).
_base_ = '../_egoexo_base_/datasets/k400_videos.py'

model = dict(type='MediaPipeHandTeacher')
test_dataloader = dict(dataset=dict(plan=dict(type='EveryKthFrame', stride=4)))
test_cfg = dict(store='data/targets/k400_hands_mediapipe', batch_size=16)
