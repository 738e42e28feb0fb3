"""What only a GPU can show."""
import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config

import egoexo_mm  # noqa: F401
from tests.tiny import CONFIG

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason='needs a CUDA device')]


def batch(device):
    generator = torch.Generator().manual_seed(0)
    samples = []
    for i in range(3):
        sample = ActionDataSample().set_gt_label(i % 2)
        if i:  # the first clip has no targets
            sample.set_field(torch.randn(2, generator=generator), 'ego_score')
            sample.set_field(torch.randn(10, generator=generator), 'object_score')
            sample.set_field(torch.rand(2, 4, 2, 2, generator=generator), 'interaction_map')
        samples.append(sample.to(device))
    return torch.randn(3, 1, 3, 16, 64, 64, generator=generator).to(device), samples


def test_a_step_equals_the_cpu():
    torch.manual_seed(0)
    model = MODELS.build(Config.fromfile(CONFIG).model)
    model.init_weights()
    with torch.backends.cudnn.flags(allow_tf32=False):
        losses = {device: model.to(device).loss(*batch(device)) for device in ('cpu', 'cuda')}
    for name in ('loss_cls', 'loss_ego', 'loss_object', 'loss_hand', 'loss_held_object'):
        torch.testing.assert_close(losses['cuda'][name].cpu(), losses['cpu'][name], rtol=1e-3, atol=1e-4, msg=name)


def test_auxiliary_losses_never_wait_for_the_device():
    model = MODELS.build(Config.fromfile(CONFIG).model).cuda()
    inputs, samples = batch('cuda')
    feats, _ = model.extract_feat(inputs)
    torch.cuda.set_sync_debug_mode('error')
    try:
        losses = [head.loss(feats, samples) for head in model.aux_heads.values()]
        sum(value for part in losses for value in part.values()).backward()
    finally:
        torch.cuda.set_sync_debug_mode('default')
