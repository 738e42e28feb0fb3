# The same on the first-person training videos, for Ego-Exo*.
_base_ = 'extract_interaction_map.py'

test_dataloader = dict(
    dataset=dict(
        ann_file=f'{_base_.root}/ego_videos/list.txt',
        data_prefix=dict(video=f'{_base_.root}/ego_videos'),
    )
)
test_cfg = dict(
    store=f'{_base_.root}/extract/interaction_map_ego/store', dataset='miniworld epic100'
)
