# A teacher over the videos of a list, into a target store: tools/test.py or tools/dist_test.sh with
# the checkpoint "none". datasets/*_videos.py add the list of a data set; a leaf adds the model,
# test_dataloader.dataset.plan and test_cfg.store.
default_scope = 'mmaction'
custom_imports = dict(imports=['egoexo_mm'])

test_dataloader = dict(
    batch_size=1,  # chunks of frames; the batches of the teacher are test_cfg.batch_size
    num_workers=8,
    sampler=None,
    # reader=None: PyAV where it is installed
    dataset=dict(type='VideoStreamDataset', reader=None, video_id='stem'),
)
test_cfg = dict(type='ExtractTargetsLoop', batch_size=32, amp=None, channels_last=False)
test_evaluator = []
model_wrapper_cfg = dict(type='mmaction.FrozenModelWrapper')

# The ranks meet once, at the end, and may arrive hours apart.
env_cfg = dict(
    cudnn_benchmark=True,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='gloo', timeout=7 * 24 * 3600),
)
randomness = dict(seed=0)
log_level = 'INFO'
load_from = None
resume = False
