"""Weights of a checkpoint that a model cannot use are reported before it is used."""

from __future__ import annotations

import re

from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn

from egoexo_mm.checkpoints.families import find_family
from egoexo_mm.checkpoints.matching import Misfit, compare

from .runner_parts import bare_model, built_loop

_LATERAL_CONV = 'backbone.slow_path.conv1_lateral.conv.weight'


@HOOKS.register_module()
class CheckWeightsHook(Hook):
    """Refuse a ``load_from`` that would leave the backbone at random, in testing also the head.

    MMEngine loads what fits and only warns of the rest, so with a PySlowFast file, or a backbone
    with another lateral kernel, training starts from scratch without notice. Heads of another data
    set are expected here: their weights are taken out, and one line in the log says so. Of several
    in a run, of its ``default_hooks`` and its ``custom_hooks``, the first checks.
    """

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Check, and take out the weights of heads that do not fit.

        Raises:
            ValueError: With the setting that would fit where it can be told.
        """
        hooks = (
            hook for hook in getattr(runner, 'hooks', ()) if isinstance(hook, CheckWeightsHook)
        )
        if next(hooks, self) is not self:
            return
        name = (getattr(runner, 'cfg', None) or {}).get('load_from') or 'the checkpoint'
        model, trains = bare_model(runner), built_loop(runner, 'train') is not None
        misfit = check_weights(model, checkpoint, name, head=not trains)
        state = checkpoint.get('state_dict', checkpoint)
        for key in [key for key in state if key.removeprefix('module.') in misfit.shapes]:
            del state[key]
        fresh = sorted({key.rpartition('.')[0] for key in misfit})
        if fresh:
            then = (
                ' for this task; trained from random weights' if trains else '; not used in testing'
            )
            runner.logger.info(f'{name}: {", ".join(fresh)} not in it{then}')


def check_weights(model: nn.Module, checkpoint: dict, name: str, *, head: bool = True) -> Misfit:
    """Refuse a checkpoint that would leave the backbone at random.

    Args:
        model: That the checkpoint is for.
        checkpoint: Content of the file.
        name: Of the file, for messages.
        head: Refuse one that lacks weights of the class head, too.

    Returns:
        What the model needs and the file lacks, or has in another shape.

    Raises:
        ValueError: With the setting that would fit where it can be told.
    """
    if 'model_state' in checkpoint and 'state_dict' not in checkpoint:
        raise ValueError(
            f'{name} is a PySlowFast checkpoint; convert it with tools/convert_pyslowfast.py, '
            'now tools/convert_weights.py, and load the result'
        )
    family = find_family(checkpoint)
    if family is not None:
        raise ValueError(
            f'{name} is a {family.origin}; convert it with tools/convert_weights.py and load '
            'the result'
        )
    state = checkpoint.get('state_dict', checkpoint)
    state = {key.removeprefix('module.'): value for key, value in state.items()}
    own = model.state_dict()
    misfit = compare({key: value for key, value in state.items() if key in own}, own)
    unfit = misfit.within(('backbone.', 'cls_head.') if head else ('backbone.',))
    if unfit:
        advice = _position_advice(unfit) or _advice(
            list(unfit), own.get(_LATERAL_CONV), state.get(_LATERAL_CONV)
        )
        raise ValueError(
            f'{name} lacks {len(list(unfit))} tensors that the model needs: {unfit}; {advice}'
        )
    return misfit


# Embeddings of positions, whose sizes follow from the clip
_POSITIONS = {
    'backbone.pos_embed': 'num_frames and img_size',  # VisionTransformer: of both; TimeSformer
    'backbone.time_embed': 'num_frames',
    'backbone.positional_embedding': 'input_resolution',
}


def _position_advice(unfit: Misfit) -> str | None:
    """What to do where only clips differ in length or size; None where more differs."""
    if unfit.unknown or unfit.missing or not unfit.shapes.keys() <= _POSITIONS.keys():
        return None
    settings = ' and '.join(_POSITIONS[name] for name in unfit.shapes)
    return (
        f'the file is for clips of another length or size: set {settings} of model.backbone to '
        "the file's; a fixed table of positions (VideoMAE) is made for others by "
        'tools/convert_weights.py --frames and --size'
    )


def _advice(unfit: list[str], own_conv: Tensor | None, file_conv: Tensor | None) -> str:
    """The setting that would fit, in words.

    Args:
        unfit: Names of the weights that do not fit.
        own_conv: First lateral convolution of the model.
        file_conv: That of the file.
    """
    if file_conv is not None and all('_lateral.' in key for key in unfit):
        kernel = file_conv.shape[2]
        if any(re.search(r'_lateral\.bn\.', key) for key in unfit):
            return (
                "weights of MMAction2's own SlowFast need model.backbone.slow_sampling=stride "
                '(and frame_sampling=stride of LoadTargets, where maps are learned) '
                'model.backbone.slow_pathway.lateral_norm=False '
                f'model.backbone.slow_pathway.fusion_kernel={kernel} and their mean and std, as in '
                'configs/finetune/epic100/slowfast_r50_mmaction_epic100.py'
            )
        return (
            f'set model.backbone.slow_pathway.fusion_kernel={kernel}, the lateral kernel of the '
            f'file (here {own_conv.shape[2]})'
        )
    if any(key.startswith('backbone.') for key in unfit):
        return 'take a config of the backbone that the file was trained with'
    return 'test with the config that the file was trained with'
