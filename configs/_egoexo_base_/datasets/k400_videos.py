# The training videos of Kinetics-400, for teachers.
_base_ = '../extraction.py'

test_dataloader = dict(
    dataset=dict(
        ann_file='data/kinetics400/kinetics400_train_list_videos.txt',
        data_prefix=dict(video='data/kinetics400/videos_train'),
    )
)
test_cfg = dict(dataset='k400')
