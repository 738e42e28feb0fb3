# Hand and object boxes of Kinetics-400 on every fourth frame; training takes the boxes of the
# nearest. For a detector that was trained here:
#   --cfg-options model.detector=configs/teachers/hand_object_r101_c4_100doh.py model.checkpoint=...
_base_ = '../_egoexo_base_/datasets/k400_videos.py'

model = dict(
    type='HandObjectTeacher',
    detector='{{ fileDirname }}/hand_object_r101_c4.py',
    checkpoint='checkpoints/hand_object_r101_c4.pth',
)
test_dataloader = dict(dataset=dict(plan=dict(type='EveryKthFrame', stride=4)))
test_cfg = dict(store='data/targets/k400_interaction', batch_size=16)
env_cfg = dict(cudnn_benchmark=False)  # frames keep their shape, so inputs come in many sizes
