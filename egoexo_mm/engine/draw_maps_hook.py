"""A picture of target and predicted maps of the same few clips, epoch after epoch.

Shape legend: ``T`` frames of a clip, ``H x W`` its pixels, ``K`` kinds of maps, ``t`` frames of a
map and ``h x w`` its cells.
"""

from __future__ import annotations

import copy
import random
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

import numpy as np
import torch
from mmaction.registry import DATASETS, HOOKS
from mmengine.dataset import pseudo_collate
from mmengine.dist import is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn

from egoexo_mm.checks import first_line
from egoexo_mm.datasets.transforms import LoadTargets
from egoexo_mm.interaction_maps import KINDS, MapGeometry, slow_frame_index
from egoexo_mm.models.raw_views import FrameViews
from egoexo_mm.visualization.map_comparison import ComparedMaps, comparison_sheet

from .runner_parts import bare_model, inner_datasets

# Left out of the pipeline for drawn clips: they follow the epoch, mirror, or change colours.
_LEFT_OUT = ('ClipRandAugment', 'ColorJitter', 'Flip', 'RandomErasing', 'SeedAugmentations')


@HOOKS.register_module()
class DrawMapsHook(Hook):
    """Draw what teachers say and what the student predicts, after every epoch.

    The picture is an image of MMEngine's visualizer, named ``name``. So each of its backends has
    it: files in the work dir, TensorBoard, W&B, MLflow. The clips and their views are the same in
    every epoch, and in a resumed run: frames are sampled as in testing, crops are drawn with the
    seed of the run. Flips, erasing and changes of colour are left out.

    Training is not changed by a bit. The student predicts in evaluation mode, which leaves
    statistics of batch norm alone, and all random states are restored. The first process draws,
    and others wait for it in the next step. What cannot be drawn is a warning in the log.

    Args:
        num_clips: Clips of the picture, spread over the data set.
        data: ``'train'`` or ``'val'`` for the data set of that loader, or the config of another
            one. Clips of a data set without ``LoadTargets`` are drawn without targets.
        head: Name in ``model.aux_heads`` of the head of the maps.
        interval: Epochs between pictures; iterations with ``by_epoch=False``.
        by_epoch: See ``interval``.
        name: Of the picture.

    Raises:
        ValueError: For fewer than one clip, or an unknown ``data``.
    """

    priority = 'LOW'  # behind hooks that change weights

    def __init__(
        self,
        *,
        num_clips: int = 4,
        data: str | dict = 'train',
        head: str = 'interaction_map',
        interval: int = 1,
        by_epoch: bool = True,
        name: str = 'maps',
    ) -> None:
        if num_clips < 1 or interval < 1:
            raise ValueError(
                f'DrawMapsHook: num_clips and interval must be 1 or more, got {num_clips} and '
                f'{interval}'
            )
        if data not in ('train', 'val') and not isinstance(data, dict):
            raise ValueError(
                "DrawMapsHook: data must be 'train', 'val' or the config of a data set, got "
                f'{data!r}'
            )
        self.num_clips = num_clips
        self.data = data
        self.head = head
        self.interval = interval
        self.by_epoch = by_epoch
        self.name = name
        self._samples: list[dict] = []

    def before_train(self, runner: Runner) -> None:
        """Look for the head, and for the data set.

        Raises:
            ValueError: There is no such head, or no validation.
        """
        heads = getattr(bare_model(runner), 'aux_heads', {})
        if self.head not in heads:
            raise ValueError(
                f'DrawMapsHook: model.aux_heads has no {self.head!r} (it has '
                f'{", ".join(heads) or "none"}); set head to that of the maps, or remove the hook '
                'from custom_hooks'
            )
        if self.data == 'val' and runner.val_loop is None:
            raise ValueError(
                "DrawMapsHook: data is 'val', but this run has no validation; set data='train'"
            )

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        """Draw, where pictures are counted in iterations."""
        if not self.by_epoch and self.every_n_train_iters(runner, self.interval):
            self._draw(runner, runner.iter + 1)

    def after_train_epoch(self, runner: Runner) -> None:
        """Draw, where pictures are counted in epochs."""
        if self.by_epoch and self.every_n_epochs(runner, self.interval):
            self._draw(runner, runner.epoch + 1)

    def _draw(self, runner: Runner, step: int) -> None:
        if not is_main_process():
            return
        unit = 'epoch' if self.by_epoch else 'iteration'
        try:
            self._add_picture(runner, step, f'{self.name}, {unit} {step}')
        except Exception as error:  # a picture is not worth a run; nothing here waits for others
            runner.logger.warning(
                f'DrawMapsHook: no picture of {unit} {step} '
                f'({type(error).__name__}: {first_line(error)}); training goes on'
            )

    def _add_picture(self, runner: Runner, step: int, title: str) -> None:
        with _unchanged_random_states():
            if not self._samples:
                self._samples = self._take(runner)
            model = bare_model(runner)
            with _evaluating(model):
                rows = [self._row(model, sample) for sample in self._samples]
        if not rows:
            return
        kinds = getattr(model.aux_heads[self.head], 'kinds', KINDS)
        if len(rows[0].predicted) != len(kinds):
            kinds = [f'map {number}' for number in range(len(rows[0].predicted))]
        picture = comparison_sheet(rows, title, kinds)
        for backend in runner.visualizer._vis_backends.values():
            # MLflow keeps an image under its file name, without the step
            name = f'{self.name}_{step}.png' if 'MLflow' in type(backend).__name__ else self.name
            backend.add_image(name, picture, step)

    def _told(self, runner: Runner, step: Any) -> Any:
        """A step of a pipeline; ``LoadTargets`` makes maps as the model's where it says nothing."""
        if isinstance(step, LoadTargets) and not step.is_complete:
            model = bare_model(runner) if hasattr(runner, 'model') else None
            tells = getattr(model, 'map_geometry', None)
            if tells and (geometry := tells(self.head)):
                step = copy.copy(step)
                step.adopt(geometry)
        return step

    def _take(self, runner: Runner) -> list[dict]:
        """The samples to draw, one view each."""
        if isinstance(self.data, dict):
            dataset = DATASETS.build(self.data)
        else:
            dataset = getattr(runner, f'{self.data}_dataloader').dataset
        dataset = next(one for one in inner_datasets(dataset) if hasattr(one, 'pipeline'))
        count = min(self.num_clips, len(dataset))
        steps = [self._told(runner, step) for step in _fixed_steps(dataset.pipeline.transforms)]
        samples = []
        for number in range(count):
            index = (2 * number + 1) * len(dataset) // (2 * count)
            _seed(runner.seed or 0, index)
            sample = dataset.get_data_info(index)
            try:
                for step in steps:
                    sample = step(sample)
            except Exception as error:  # a broken file is a matter of training, not of pictures
                runner.logger.warning(
                    f'DrawMapsHook: row {index} cannot be drawn ({first_line(error)})'
                )
            else:
                samples.append(dict(sample, inputs=_plain(sample['inputs'])))
        return samples

    @torch.no_grad()
    def _row(self, model: nn.Module, sample: dict) -> ComparedMaps:
        """The middle frame of the maps of a sample, in its first view."""
        data = model.data_preprocessor(pseudo_collate([sample]), False)
        inputs, (known,) = data['inputs'], data['data_samples']
        predicted = model.aux_predictions(inputs, self.head)[0].sigmoid().float().cpu()
        if model.teachers.configs:
            known.set_field(sample['inputs'].to(inputs.device), 'raw_clip')
            (known,) = model.fill_targets(inputs, [known])
        target = known.get(model.aux_heads[self.head].target)
        if target is not None and target.dim() == 5:  # several views
            target = target[0]
        clip = _frames(sample['inputs'])
        slot = predicted.shape[1] // 2
        frame = _shown(model.map_geometry(self.head), len(clip), predicted.shape[1])[slot]
        return ComparedMaps(
            _caption(known),
            clip[frame].permute(1, 2, 0).contiguous().numpy(),
            None if target is None else target[:, slot].float().cpu().numpy(),
            predicted[:, slot].numpy(),
        )


def _fixed_steps(steps: list) -> list:
    """The transforms of a pipeline that leave nothing to the epoch."""
    fixed = []
    for step in steps:
        if type(step).__name__ in _LEFT_OUT:
            continue
        if getattr(step, 'test_mode', None) is False:
            step = copy.copy(step)
            step.test_mode = True
        fixed.append(step)
    return fixed


def _plain(inputs: Tensor | dict[str, Tensor]) -> Tensor:
    """Inputs of ``FormatShape`` as they are; the first view of those of ``FormatViews``."""
    if isinstance(inputs, Tensor):
        return inputs
    return FrameViews(inputs['frames'], inputs['clip_frames'], inputs['crops'])[0][None]


def _frames(inputs: Tensor) -> Tensor:
    """(T, 3, H, W) of the first view; a 2D recognizer has frames alone."""
    return inputs[0].transpose(0, 1) if inputs.dim() == 5 else inputs


def _shown(geometry: MapGeometry | None, frames: int, maps: int) -> list[int]:
    """Which of ``frames`` each of ``maps`` shows."""
    if geometry is not None and frames == maps * geometry.time_stride:
        return geometry.frames(frames).tolist()
    return slow_frame_index(frames, maps).tolist()


def _caption(sample: Any) -> str:
    for key in ('video_id', 'filename', 'frame_dir'):
        if key in sample:
            return str(sample.get(key))
    return ''


def _seed(seed: int, index: int) -> None:
    states = np.random.SeedSequence([seed, index]).generate_state(3)
    np.random.seed(states[0])
    random.seed(int(states[1]))
    torch.manual_seed(int(states[2]))


@contextmanager
def _unchanged_random_states() -> Iterator[None]:
    """Random numbers go on afterwards as if nothing had been drawn."""
    numpy_state, python_state = np.random.get_state(), random.getstate()
    devices = [torch.cuda.current_device()] if torch.cuda.is_available() else []
    with torch.random.fork_rng(devices=devices):
        try:
            yield
        finally:
            np.random.set_state(numpy_state)
            random.setstate(python_state)


@contextmanager
def _evaluating(model: nn.Module) -> Iterator[None]:
    """Evaluation mode, without compiling a graph for it; each module's own mode afterwards.

    The modes are set one by one, since ``train()`` of some backbones also freezes weights.
    """
    modes = {module: module.training for module in model.modules()}
    for module in modes:
        module.training = False
    stance = getattr(getattr(torch, 'compiler', None), 'set_stance', None)  # torch 2.6
    try:
        with stance('force_eager') if stance else nullcontext():
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode
