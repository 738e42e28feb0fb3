"""What of a checkpoint a model can use, said before it is used."""

from __future__ import annotations

import re

from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.model import is_model_wrapper
from mmengine.runner import BaseLoop, Runner
from torch import Tensor

_NORMS = re.compile(r'backbone\.slow_path\..*_lateral\.bn\.')


@HOOKS.register_module()
class CheckWeightsHook(Hook):
    """Refuse a ``load_from`` that would leave the backbone (in testing: also the class head) at random.

    MMEngine loads what fits and only warns of the rest, so a PySlowFast file or a backbone with another lateral kernel
    trains from scratch without notice. Heads of another data set are expected here: they are taken out, with one line in the
    log that says so.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check, and take out the weights of heads that do not fit.

        Raises:
            ValueError: in one sentence, with the setting that would fit where it can be told.
        """
        name = (getattr(runner, 'cfg', None) or {}).get('load_from') or 'the checkpoint'
        if 'model_state' in checkpoint and 'state_dict' not in checkpoint:
            raise ValueError(
                f'{name} is a PySlowFast checkpoint; convert it with tools/convert_pyslowfast.py and load the '
                'result'
            )
        model = runner.model.module if is_model_wrapper(runner.model) else runner.model
        own = {
            key: value
            for key, value in model.state_dict().items()
            if not key.endswith('.num_batches_tracked')
        }
        state = checkpoint.get('state_dict', checkpoint)
        names = {re.sub(r'^module\.', '', key): key for key in state}
        needed = ('backbone.',) if _trains(runner) else ('backbone.', 'cls_head.')
        missing = [key for key in own if key not in names]
        other = [key for key in own if key in names and state[names[key]].shape != own[key].shape]
        unfit = [key for key in missing + other if key.startswith(needed)]
        if unfit:
            some = ', '.join(unfit[:2]) + (', ...' if len(unfit) > 2 else '')
            raise ValueError(
                f'{name} lacks {len(unfit)} tensors of the model or has them in another shape ({some}); '
                + _advice(unfit, own, state, names)
            )
        for key in other:
            del state[names[key]]
        fresh = sorted({key.rpartition('.')[0] for key in missing + other})
        if fresh:
            runner.logger.info(
                f'{name}: {", ".join(fresh)} not in it for this task; trained from random weights'
                if _trains(runner)
                else f'{name}: {", ".join(fresh)} not in it; not used in testing'
            )


def _trains(runner: Runner) -> bool:
    # a runner builds the loop that it is about to run before it loads; asking for train_loop would build one
    return isinstance(getattr(runner, '_train_loop', None), BaseLoop)


def _advice(
    unfit: list[str], own: dict[str, Tensor], state: dict[str, Tensor], names: dict[str, str]
) -> str:
    """What to set."""
    conv = 'backbone.slow_path.conv1_lateral.conv.weight'
    if all(_NORMS.match(key) or '_lateral.conv.' in key for key in unfit) and conv in names:
        kernel = state[names[conv]].shape[2]
        if any(_NORMS.match(key) for key in unfit):
            return (
                "weights of MMAction2's own SlowFast need model.backbone.slow_sampling=stride (and "
                'frame_sampling=stride of LoadTargets, where maps are learned) '
                f'model.backbone.slow_pathway.lateral_norm=False model.backbone.slow_pathway.fusion_kernel={kernel} and '
                'their mean and std, as in configs/finetune/epic100/slowfast_r50_mmaction_epic100.py'
            )
        return (
            f'set model.backbone.slow_pathway.fusion_kernel={kernel}, the lateral kernel of the file (here '
            f'{own[conv].shape[2]})'
        )
    if any(key.startswith('backbone.') for key in unfit):
        return 'take a config of the backbone that the file was trained with'
    return 'test with the config that the file was trained with'
