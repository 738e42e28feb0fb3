# Ego-Exo pre-training of VideoMAE's ViT-B on Kinetics-400, in place of VideoMAE's own fine-tuning
# there and with its recipe. The weights of the five losses are those of SlowFast; nobody has
# published results of this combination.
_base_ = [
    '_egoexo_base_/models/vit_base.py',
    '_egoexo_base_/models/aux_heads.py',
    '_egoexo_base_/models/blending.py',
    '_egoexo_base_/datasets/k400_targets_16x4.py',
    '_egoexo_base_/schedules/adamw_vit_75e.py',
    '_egoexo_base_/default_runtime.py',
]

model = dict(
    type='EgoExoRecognizer',
    cls_head=dict(label_smooth_eps=0.1, loss_cls=dict(type='CrossEntropyLoss', loss_weight=0.5)),
    aux_heads=_base_.aux_heads,
    data_preprocessor=dict(blending=_base_.blending),
)
custom_hooks = [*_base_.custom_hooks, dict(type='CheckWeightsHook')]
# VideoMAE's encoder after 1600 epochs of pre-training on Kinetics-400, from its MODEL_ZOO.md (see
# docs/weights.md):
#   python tools/convert_weights.py checkpoint.pth checkpoints/videomae_vit_base_k400_pretrain.pth
load_from = 'checkpoints/videomae_vit_base_k400_pretrain.pth'
