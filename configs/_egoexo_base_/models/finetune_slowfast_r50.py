# SlowFast 8x8 R50 for fine-tuning; a task sets type and classes of the head.
#
# load_from of the tasks' configs takes any of
#   - pre-training of this package (plain or Ego-Exo): work_dirs/<config>/epoch_200.pth
#   - an official checkpoint: python tools/convert_weights.py IN.pyth OUT.pth
#   - MMAction2's Kinetics weights, whose SlowFast differs: see
#     finetune/epic100/slowfast_r50_mmaction_epic100.py
# Class heads and auxiliary heads that a task does not have are not loaded. A backbone that does not
# fit is refused (CheckWeightsHook).
_base_ = 'slowfast_r50.py'

model = dict(
    type='EgoExoRecognizer',
    cls_head=dict(
        _delete_=True,
        in_channels=2304,  # 256 fast + 2048 slow
        dropout_ratio=0.5,
        pool_size=7,  # training crop / 32; the window slides over 256-pixel test crops
    ),
    data_preprocessor=dict(
        type='EgoExoDataPreprocessor',
        defer_testing=True,  # frames are normalised with their batch of views
        # 'bgr' as in the reference's fine-tuning, and to test its fine-tuned weights
        channel_order='rgb',
    ),
)
