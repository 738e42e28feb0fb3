"""The shipped optimizer under a gradient scaler whose first step overflows."""

import pytest
import torch

import egoexo_mm  # noqa: F401
from egoexo_mm.engine.fused_sgd import can_fuse


@pytest.mark.skipif(
    not can_fuse(torch.device('cpu'), torch.float32), reason='this PyTorch cannot fuse on a CPU'
)
@pytest.mark.parametrize(
    'gradients', [(float('inf'), 1.0, 1.0), (1.0, 1.0, 1.0), (1.0, float('inf'), 1.0)]
)
def test_a_skipped_step_leaves_no_trace(gradients):
    ends = []
    for fused in (False, True):
        weight = torch.nn.Parameter(torch.ones(1000))
        optimizer = torch.optim.SGD([weight], lr=0.1, momentum=0.9, nesterov=True, fused=fused)
        scaler = torch.amp.GradScaler('cpu', init_scale=2.0**16)
        scaler.scale(torch.zeros(1))  # it makes its scale at first use
        for gradient in gradients:
            weight.grad = torch.full_like(weight, gradient) * scaler.get_scale()
            scaler.step(optimizer)
            scaler.update()
        ends.append(weight.detach())
    torch.testing.assert_close(*ends, rtol=1e-6, atol=1e-6)
    if gradients[0] == float('inf'):
        # two steps with momentum:
        # 1 - 0.1 * (1 + 0.9) = 0.81, then 0.81 - 0.1 * (1 + 0.9 * 1.9) = 0.539
        assert ends[1][0].item() == pytest.approx(0.539)
