"""Switches that make the backbone faster and leave its numbers and names as they are."""

from __future__ import annotations

import torch
from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner

from .runner_parts import bare_model, set_channels_last


@HOOKS.register_module()
class BackboneSpeedHook(Hook):
    """Lay out the backbone's weights channels last, and compile it, before a run starts.

    Both act in place: parameters keep their names, so checkpoints stay interchangeable. Which of
    the two pays depends on device and backbone; ``tools/benchmarks/run.py --only step`` measures
    it.

    Args:
        channels_last: 3D convolutions in ``torch.channels_last_3d``, 2D ones in
            ``torch.channels_last``, which cuDNN's half-precision kernels prefer.
        compile: Options of ``torch.compile``, or True for its defaults. The first steps then take
            minutes, and again for every new shape of input.
    """

    def __init__(self, *, channels_last: bool = False, compile: bool | dict = False) -> None:
        self.channels_last = channels_last
        self.compile = compile

    def before_run(self, runner: Runner) -> None:
        """Change the backbone of the runner's model.

        Raises:
            ValueError: This PyTorch does not compile modules in place.
        """
        backbone = bare_model(runner).backbone
        if self.compile and not hasattr(backbone, 'compile'):
            raise ValueError(
                f'BackboneSpeedHook: PyTorch {torch.__version__} does not compile modules in '
                'place; leave compile out, or install a newer one'
            )
        if self.channels_last:
            set_channels_last(backbone)
        if self.compile:
            backbone.compile(**(self.compile if isinstance(self.compile, dict) else {}))
