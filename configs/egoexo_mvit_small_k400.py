# Ego-Exo pre-training of MViTv2-S, from random weights, on Kinetics-400 with MMAction2's recipe.
# Nobody has published results of this combination.
_base_ = [
    '_egoexo_base_/models/mvit_small.py',
    '_egoexo_base_/models/aux_heads.py',
    '_egoexo_base_/models/blending.py',
    '_egoexo_base_/datasets/k400_targets_16x4.py',
    '_egoexo_base_/schedules/adamw_mvit_200e.py',
    '_egoexo_base_/default_runtime.py',
]

model = dict(
    type='EgoExoRecognizer',
    cls_head=dict(loss_cls=dict(type='CrossEntropyLoss', loss_weight=0.5)),
    aux_heads=_base_.aux_heads,
    data_preprocessor=dict(blending=_base_.blending),
)
# MMAction2 tests MViT with 5 clips and the centre crop
test_pipeline = [
    dict(type='CenterCrop', crop_size=224) if step['type'] == 'ThreeCrop' else step
    for step in _base_.test_pipeline
]
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
