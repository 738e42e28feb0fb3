# Hand boxes, and boxes of COCO objects that touch them, of Kinetics-400 on every fourth frame, with
# public weights. The names of the files and where they are: the configs of the two detectors. A URL
# in place of a path is downloaded once.
_base_ = '../_egoexo_base_/datasets/k400_videos.py'

weights = 'checkpoints/'
model = dict(
    type='BoxTeacher',
    hands=dict(
        detector='{{ fileDirname }}/rtmdet_nano_hand.py',
        checkpoint=weights
        + 'rtmdet-nano_8xb32-300e_multi-dataset-hand-320x320_20230524-f6ffed6a.pth',
    ),
    objects=dict(
        detector='{{ fileDirname }}/rtmdet_tiny_coco.py',
        checkpoint=weights + 'rtmdet_tiny_8xb32-300e_coco_20220902_112414-78e30dcc.pth',
    ),
)
test_dataloader = dict(dataset=dict(plan=dict(type='EveryKthFrame', stride=4)))
test_cfg = dict(store='data/targets/k400_interaction_rtmdet', batch_size=16)
