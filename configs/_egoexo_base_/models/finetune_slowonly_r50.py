# Slow 8x8 R50 for fine-tuning; see finetune_slowfast_r50.py.
_base_ = 'slowonly_r50.py'

model = dict(
    type='EgoExoRecognizer',
    cls_head=dict(_delete_=True, in_channels=2048, dropout_ratio=0.5, pool_size=7),
    data_preprocessor=dict(type='EgoExoDataPreprocessor', channel_order='rgb', defer_testing=True),
)
