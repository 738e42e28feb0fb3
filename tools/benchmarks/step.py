"""A training step of ``EgoExoRecognizer`` and of ``Recognizer3D`` with the same backbone.

Two more sides show what was gained: one paints its Interaction-Maps in the step, box by box with
values read back from the device, as the released code does; the other updates the weights with
PyTorch's default SGD, not the fused one.
"""

from __future__ import annotations

import statistics
from collections.abc import Callable
from pathlib import Path

import measuring
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from torch.utils.flop_counter import FlopCounterMode

import egoexo_mm  # noqa: F401
from egoexo_mm.interaction_maps import slow_frame_index

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
BOXES_PER_FRAME = 3


def batch(
    size: int, frames: int, crop: int, device: str
) -> tuple[torch.Tensor, list[ActionDataSample], list[torch.Tensor]]:
    """Random clips, samples with all targets, and boxes (B, 7): corners, score, kind, frame."""
    torch.manual_seed(0)
    samples, boxes = [], []
    for label in range(size):
        sample = ActionDataSample().set_gt_label(label)
        sample.set_field(torch.randn(2), 'ego_score')
        sample.set_field(torch.randn(1000), 'object_score')
        sample.set_field(
            torch.rand(2, frames // 4, -(-crop // 32), -(-crop // 32)), 'interaction_map'
        )
        samples.append(sample.to(device))
        corner = torch.rand(frames * BOXES_PER_FRAME, 2) * 0.6
        boxes.append(
            torch.cat(
                [
                    corner,
                    corner + 0.3,
                    torch.rand(len(corner), 1),
                    torch.randint(0, 2, (len(corner), 1)),
                    torch.arange(frames).repeat_interleave(BOXES_PER_FRAME)[:, None],
                ],
                1,
            ).to(device)
        )
    return torch.randn(size, 1, 3, frames, crop, crop, device=device), samples, boxes


def paint(boxes: torch.Tensor, frames: int, side: int) -> torch.Tensor:
    """(2, frames, side, side) map; seven values a box are read back by the host."""
    maps = torch.zeros(2, frames, side, side, device=boxes.device)
    for box in boxes:
        x1, y1, x2, y2 = (
            min(max(int((box[i] * side).floor().item()), 0), side - 1) for i in range(4)
        )
        cells = maps[int(box[5].item()), int(box[6].item()), y1 : y2 + 1, x1 : x2 + 1]
        cells.clamp_(min=box[4].item())
    return maps


def build(config: str, device: str) -> tuple[torch.nn.Module, torch.optim.Optimizer]:
    """The model of a config and its optimizer."""
    torch.manual_seed(0)
    cfg = Config.fromfile(CONFIGS / config).model
    if 'aux_heads' not in cfg:
        cfg.type = 'Recognizer3D'  # MMAction2's own, which the baseline's config replaces
    model = MODELS.build(cfg)
    model.init_weights()
    model = model.to(device).train()
    return model, optimizer(model, fused=True)


def optimizer(model: torch.nn.Module, fused: bool) -> torch.optim.SGD:
    """SGD with the settings of the schedules."""
    return torch.optim.SGD(
        model.parameters(), lr=1e-4, momentum=0.9, nesterov=True, weight_decay=1e-4, fused=fused
    )


def stepper(
    model: torch.nn.Module, update: torch.optim.Optimizer, inputs: torch.Tensor, samples: list
) -> Callable:
    """A function that trains one step."""

    def step() -> None:
        loss, _ = model.parse_losses(model.loss(inputs, samples))
        loss.backward()
        update.step()
        update.zero_grad(set_to_none=True)

    return step


def flops(model: torch.nn.Module, inputs: torch.Tensor, samples: list) -> int:
    """Of forward and backward."""
    with FlopCounterMode(display=False) as counter:
        model.parse_losses(model.loss(inputs, samples))[0].backward()
    model.zero_grad(set_to_none=True)
    return counter.get_total_flops()


def memory(model: torch.nn.Module, step: Callable, inputs: torch.Tensor, samples: list) -> float:
    """Megabytes: the peak of a step on a GPU; on the CPU weights and kept activations."""
    if inputs.device.type == 'cuda':
        torch.cuda.reset_peak_memory_stats()
        step()
        return torch.cuda.max_memory_allocated() / 2**20
    kept = {}
    with torch.autograd.graph.saved_tensors_hooks(
        lambda x: kept.setdefault(x.untyped_storage().data_ptr(), x) is None or x, lambda x: x
    ):
        loss, _ = model.parse_losses(model.loss(inputs, samples))
    kept.update((p.untyped_storage().data_ptr(), p) for p in model.parameters())
    return sum(x.untyped_storage().nbytes() for x in kept.values()) / 2**20


def run(options: measuring.Options) -> list[dict]:
    """Rows for plain, Ego-Exo, and what Ego-Exo would cost otherwise."""
    size, frames, crop = (
        (1, 16, 64) if options.quick else (8, 32, 224) if options.device == 'cuda' else (2, 16, 112)
    )
    inputs, samples, boxes = batch(size, frames, crop, options.device)
    plain, ours = (
        build('slowfast_k400.py', options.device),
        build('egoexo_slowfast_k400.py', options.device),
    )
    sides = {
        'Recognizer3D': stepper(*plain, inputs, samples),
        'EgoExoRecognizer': stepper(*ours, inputs, samples),
    }
    slow = slow_frame_index(frames, frames // 4)

    def painting() -> None:
        for sample, rows in zip(samples, boxes):
            sample.set_field(paint(rows, frames, -(-crop // 32))[:, slow], 'interaction_map')
        sides['EgoExoRecognizer']()

    counted = [flops(model, inputs, samples) for model, _ in (plain, ours)]
    used = [
        memory(model, step, inputs, samples)
        for (model, _), step in zip((plain, ours), sides.values())
    ]
    sides['with maps painted box by box in the step'] = painting
    sides['with an optimizer that is not fused'] = stepper(
        ours[0], optimizer(ours[0], fused=False), inputs, samples
    )
    times = measuring.in_turns(sides, options.rounds, options.device)
    return [
        {
            'step': name,
            'clips': f'{size} x {frames} x {crop} px',
            'ms': statistics.median(times[name]) * 1e3,
            'time, times plain': measuring.ratio(times, name, 'Recognizer3D'),
            'FLOPs, times plain': counted[min(i, 1)] / counted[0],
            'MB': used[min(i, 1)],
        }
        for i, name in enumerate(sides)
    ]
