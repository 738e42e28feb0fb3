# Fine-tuning on a share of the first-person segments (STUDY_PERCENT). Smaller shares of a seed are
# parts of larger ones, their verbs and nouns are spread evenly, and every share takes as many
# iterations as all segments do: the segments repeat within an epoch.
_base_ = '../finetune.py'

share = dict(
    _base_.train_dataloader.dataset,
    type='EpicShareDataset',
    percent=int('{{$STUDY_PERCENT:100}}'),
    share_seed=_base_.left_out,
    rows=_base_.kept,
)
share.pop('indices')
train_dataloader = dict(dataset=dict(_delete_=True, **share))
