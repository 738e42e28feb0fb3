"""The two training configs: built, one step, recipe."""

import copy

import pytest
import torch
from hand_object_case import CONFIG
from mmengine.config import Config
from mmengine.registry import DefaultScope
from test_hand_object_losses import hands_and_cup

CONFIGS = {
    name: Config.fromfile(CONFIG.parent / f'{name}.py')
    for name in ('hand_object_r101_c4_100doh', 'hand_object_r50_fpn_100doh')
}
C4, FPN = CONFIGS.values()


@pytest.mark.parametrize('name', CONFIGS)
def test_training_step(name):
    """With few RoIs of an image as small as the smallest anchor; weights are not fetched."""
    from mmdet.registry import MODELS

    cfg = copy.deepcopy(CONFIGS[name].model)
    cfg.train_cfg.rcnn.sampler.num = 4
    cfg.train_cfg.rpn_proposal.max_per_img = cfg.test_cfg.rpn.max_per_img = (
        cfg.test_cfg.rcnn.pad_proposals_to
    ) = 10
    model = MODELS.build(cfg).train()
    sample = hands_and_cup()
    sample.set_metainfo(dict(img_shape=(160, 192)))
    losses, _ = model.parse_losses(model.loss(torch.randn(1, 3, 160, 192), [sample]))
    losses.backward()
    assert [n for n, p in model.named_parameters() if p.requires_grad and p.grad is None] == []
    model.eval()
    with torch.no_grad():
        found = model.predict(torch.randn(1, 3, 160, 192), [sample], rescale=True)[0].pred_instances
    assert {'contact_state', 'offset', 'side', 'object_index'} <= set(found.keys())


@pytest.mark.parametrize('name', CONFIGS)
def test_data(name):
    """Transforms and metric of both exist in mmdet's scope; the metric gets the annotation."""
    from mmdet.registry import METRICS, TRANSFORMS

    cfg = CONFIGS[name]
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader):
            assert [TRANSFORMS.build(step) for step in loader.dataset.pipeline]
        assert METRICS.build(cfg.test_evaluator).default_prefix == 'hand_object'
    assert 'instances' in cfg.test_dataloader.dataset.pipeline[-1].meta_keys
    lists = [
        loader.dataset.ann_file
        for loader in (cfg.train_dataloader, cfg.val_dataloader, cfg.test_dataloader)
    ]
    assert lists == [
        'ImageSets/Main/trainval.txt',
        'ImageSets/Main/test.txt',
        'ImageSets/Main/test.txt',
    ]
    assert (
        cfg.test_dataloader.dataset.test_mode
        and cfg.train_dataloader.dataset.data_root == 'data/100doh'
    )


def test_recipe_of_the_reference():
    optimizer, sampler = C4.optim_wrapper.optimizer, C4.model.train_cfg.rcnn.sampler
    assert (optimizer.lr, optimizer.momentum, optimizer.weight_decay) == (1e-3, 0.9, 1e-4)
    assert C4.optim_wrapper.paramwise_cfg.bias_decay_mult == 0
    assert (C4.train_dataloader.batch_size, C4.train_cfg.max_epochs) == (1, 8)
    assert (sampler.num, sampler.pos_fraction, C4.model.train_cfg.rpn.sampler.num) == (
        128,
        0.25,
        256,
    )
    assert C4.model.roi_head.swap_clip is False and C4.model.train_cfg.rpn.allowed_border == 0
    assert 'HandObjectFlip' not in [step.type for step in C4.train_pipeline]
    assert 'HandObjectFlip' in [step.type for step in FPN.train_pipeline]


def test_rates_by_epoch():
    """1e-3 for epochs 1 to 3, a tenth of it from the fourth, and a tenth again in the eighth."""
    from mmengine.optim import MultiStepLR

    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    scheduler = MultiStepLR(
        optimizer, **{key: C4.param_scheduler[key] for key in ('milestones', 'gamma')}
    )
    rates = []
    for _ in range(8):
        rates.append(optimizer.param_groups[0]['lr'])
        optimizer.step()
        scheduler.step()
    assert rates == pytest.approx([1e-3] * 3 + [1e-4] * 4 + [1e-5])


def test_small_hands_have_an_anchor():
    """A hand of 30 pixels overlaps an anchor of 128 by 5% only, and is a positive nevertheless."""
    from mmdet.registry import TASK_UTILS
    from mmengine.structures import InstanceData

    generator = TASK_UTILS.build(dict(C4.model.rpn_head.anchor_generator, _scope_='mmdet'))
    anchors = generator.grid_priors([(20, 30)], device='cpu')[0]
    hand = InstanceData(bboxes=torch.tensor([[200.0, 150, 230, 180]]), labels=torch.tensor([0]))
    assigner = TASK_UTILS.build(dict(C4.model.train_cfg.rpn.assigner, _scope_='mmdet'))
    assigned = assigner.assign(InstanceData(priors=anchors), hand)
    assert (assigned.gt_inds == 1).any() and assigned.max_overlaps.max() < 0.1
