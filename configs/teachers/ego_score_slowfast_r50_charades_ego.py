# Ego-Score teacher: SlowFast 8x8 R50 that tells the first-person from the third-person videos of
# Charades-Ego.
#
# Starts from Kinetics-400 weights (load_from: see
# configs/_egoexo_base_/models/finetune_slowfast_r50.py for what it takes). How the paper trained
# its teacher is not published; the schedule is this package's choice and was not run on the full
# data set.
_base_ = [
    '../_egoexo_base_/models/finetune_slowfast_r50.py',
    '../_egoexo_base_/datasets/charades_ego_view.py',
    '../_egoexo_base_/finetune_runtime.py',
]

model = dict(
    cls_head=dict(
        type='ViewEnsembleHead', num_classes=2, activation='softmax', ensemble='mean', topk=(1,)
    )
)

max_epochs = 10
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=max_epochs, val_begin=1, val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
optim_wrapper = dict(
    optimizer=dict(type='SGD', lr=0.02, momentum=0.9, nesterov=True, weight_decay=1e-4),
    paramwise_cfg=dict(norm_decay_mult=0.0),
)
param_scheduler = [
    dict(
        type='WarmupCosineLR',
        T_max=max_epochs,
        end=max_epochs,
        by_epoch=True,
        convert_to_iter_based=True,
    )
]
auto_scale_lr = dict(enable=False, base_batch_size=64)
load_from = 'work_dirs/slowfast_k400/epoch_200.pth'
