# ViT-B for fine-tuning; a task sets type and classes of the head. Dropout of 0.5 in front of it is
# AVION's on EPIC-KITCHENS-100,
# https://github.com/zhaoyue-zephyrus/AVION/blob/main/scripts/main_lavila_finetune_cls.py
#
# load_from of the tasks' configs takes MMAction2's checkpoint, one of this package, or an official
# one of VideoMAE: python tools/convert_weights.py IN.pth OUT.pth. Class heads and auxiliary heads
# that a task does not have are not loaded. A backbone that does not fit is refused
# (CheckWeightsHook).
_base_ = 'vit_base.py'

model = dict(
    type='EgoExoRecognizer',
    cls_head=dict(_delete_=True, in_channels=768, dropout_ratio=0.5, pool_size=None, init_std=2e-5),
    data_preprocessor=dict(channel_order='rgb', defer_testing=True),
)
plain_weights = (  # VideoMAE's own, pre-trained and fine-tuned on Kinetics-400
    'https://download.openmmlab.com/mmaction/v1.0/recognition/videomae/'
    'vit-base-p16_videomae-k400-pre_16x4x1_kinetics-400_20221013-860a3cd3.pth'
)
