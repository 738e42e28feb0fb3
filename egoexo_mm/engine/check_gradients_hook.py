"""Parameters that get no gradient, which DistributedDataParallel does not allow."""

from __future__ import annotations

import time

from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch.nn.parallel import DistributedDataParallel

from egoexo_mm.errors import RunError

from .runner_parts import bare_model

_SHOWN = 5


@HOOKS.register_module()
class CheckGradientsHook(Hook):
    """Name the parameters that get no gradient in the first step.

    Some backbones have layers that their last map does not depend on. On several processes DDP
    then waits for their gradients, and the second step ends in torch's error or hangs. This
    ends the run in the first step instead. On one process such parameters are no fault, and a
    warning names them.
    """

    def before_train(self, runner: Runner) -> None:
        """Look at the gradients when the first optimizer step is about to be made."""
        wrapper = runner.optim_wrapper
        if not isinstance(wrapper, OptimWrapper):
            return
        step = wrapper.step

        def step_after_look(**kwargs) -> None:
            wrapper.step = step
            self._look(runner)
            step(**kwargs)

        wrapper.step = step_after_look

    @staticmethod
    def _look(runner: Runner) -> None:
        ddp = runner.model if isinstance(runner.model, DistributedDataParallel) else None
        model = bare_model(runner)
        without = [
            name
            for name, parameter in model.named_parameters()
            if parameter.requires_grad and parameter.grad is None
        ]
        if not without:
            return
        names = ', '.join(without[:_SHOWN]) + (', ...' if len(without) > _SHOWN else '')
        found = f'{len(without)} parameters get no gradient from any loss ({names})'
        setting = (
            'model_wrapper_cfg.find_unused_parameters=True'
            if runner.cfg.get('model_wrapper_cfg')
            else 'find_unused_parameters=True'
        )
        advice = f'set {setting} in the config, or freeze these layers'
        if ddp is None:
            runner.logger.warning(
                f'{found}; training on several processes needs all of them: there {advice}'
            )
        elif not (ddp.find_unused_parameters or ddp.static_graph):
            message = f'{found}, which DistributedDataParallel needs for all; {advice}'
            if runner.rank == 0:
                runner.logger.error(message)
            else:  # leave the first process, which finds the same, time to write its log
                time.sleep(30)
            raise RunError(message, logged=runner.rank == 0)
