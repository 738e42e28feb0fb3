"""Targets and model must show the same frames and cells."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from mmaction.models import ResNet3dSlowFast
from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn

from egoexo_mm.datasets.transforms import LoadTargets
from egoexo_mm.interaction_maps import MapGeometry
from egoexo_mm.models.heads import InteractionMapHead

from .runner_parts import bare_model, inner_datasets, own_transforms


@HOOKS.register_module()
class CheckTargetsHook(Hook):
    """Compare the geometry of Interaction-Map targets with the model's, at start.

    ``LoadTargets`` of the pipeline and an online ``DetectionTeacher`` make maps; the backbone and
    its ``InteractionMapHead`` predict them. Which frames the maps show must agree before
    training (or the test of maps) starts, since maps of other frames have the same shape. The
    strides are compared in the first step, from what the backbone makes of the first clips.
    """

    def before_train(self, runner: Runner) -> None:
        """Check the training pipeline and online teachers.

        Raises:
            ValueError: If they disagree with the model; names both settings.
        """
        self._check(runner, runner.train_dataloader.dataset, 'train_dataloader')

    def before_test(self, runner: Runner) -> None:
        """Check the test pipeline, where maps are measured.

        Raises:
            ValueError: If it disagrees with the model; names both settings.
        """
        self._check(runner, runner.test_dataloader.dataset, 'test_dataloader')

    @staticmethod
    def _check(runner: Runner, dataset: Any, loader: str) -> None:
        model = bare_model(runner)
        heads = [
            head
            for head in getattr(model, 'aux_heads', {}).values()
            if isinstance(head, InteractionMapHead)
        ]
        geometries = {**dict(_stored(dataset, loader)), **dict(_online(model))}
        for head in heads:
            for where, geometry in geometries.items():
                _check_frames(runner, model.backbone, head.pathway, where, geometry)
            if geometries:
                _FirstShapes(model.backbone, head, geometries)


def _stored(dataset: Any, loader: str) -> Iterator[tuple[str, MapGeometry]]:
    """Where a pipeline reads maps from stores, and their geometry."""
    for one in inner_datasets(dataset):
        for transform in own_transforms(one):
            if isinstance(transform, LoadTargets):
                stores = transform.stores or getattr(one, 'stores', {})
                if any(store.manifest.kind != 'scores' for store in stores.values()):
                    yield f'LoadTargets of {loader}.dataset.pipeline', transform.geometry


def _online(model: nn.Module) -> Iterator[tuple[str, MapGeometry]]:
    teachers = getattr(model, 'teachers', None)
    for name, teacher in getattr(teachers, 'built', {}).items():
        if hasattr(teacher, 'geometry'):
            yield f'model.teachers.{name}', teacher.geometry


def _check_frames(
    runner: Runner, backbone: nn.Module, pathway: int, where: str, geometry: MapGeometry
) -> None:
    """Compare the sampling of frames; with a stride of 1 both are the same."""
    setting = getattr(backbone, 'slow_sampling', None) if pathway == 0 else None
    sampling = setting or 'stride'  # what strides and patches of convolutions do
    if geometry.time_stride == 1 or geometry.frame_sampling == sampling:
        return
    side = (
        f'model.backbone.slow_sampling={setting!r}'
        if setting
        else f'{type(backbone).__name__} sees every {geometry.time_stride}th frame'
    )
    frames = [
        MapGeometry(geometry.time_stride, kind).frames(8 * geometry.time_stride).tolist()
        for kind in (geometry.frame_sampling, sampling)
    ]
    message = (
        f'{where} has frame_sampling={geometry.frame_sampling!r}, but {side}: of '
        f'{8 * geometry.time_stride} frames the maps would show {frames[0]} and the backbone '
        f'{frames[1]}; set frame_sampling={sampling!r} there'
        + (f', or model.backbone.slow_sampling={geometry.frame_sampling!r}' if setting else '')
    )
    if setting is None and not isinstance(backbone, ResNet3dSlowFast):
        runner.logger.warning(f'{message}, unless the backbone chooses its frames itself')
    else:
        raise ValueError(message)


class _FirstShapes:
    """Compares strides in the first forward pass, then removes itself."""

    def __init__(
        self, backbone: nn.Module, head: nn.Module, geometries: dict[str, MapGeometry]
    ) -> None:
        self.geometries = geometries
        self.clip: tuple[int, ...] = ()
        self.handles = [
            backbone.register_forward_pre_hook(self.see_clip),
            head.register_forward_hook(self.see_maps),
        ]

    def see_clip(self, backbone: nn.Module, args: tuple[Tensor, ...]) -> None:
        self.clip = tuple(args[0].shape[2:]) if args else ()

    def see_maps(self, head: nn.Module, args: tuple, maps: Tensor) -> None:
        for handle in self.handles:
            handle.remove()
        if len(self.clip) != 3:  # (T, H, W) of a 3D backbone
            return
        (frames, *pixels), (slow, *cells) = self.clip, tuple(maps.shape[2:])
        for where, geometry in self.geometries.items():
            wrong = {}
            if frames != slow * geometry.time_stride:
                wrong['time_stride'] = frames / slow
            if list(geometry.grid(tuple(pixels))) != cells:
                wrong['cell_size'] = pixels[0] / cells[0]
            if wrong:
                has = ', '.join(f'{name}={getattr(geometry, name)}' for name in wrong)
                fits = ', '.join(f'{name}={value:g}' for name, value in wrong.items())
                raise ValueError(
                    f'{where} has {has}, but model.backbone makes a map of {slow} frames of '
                    f'{cells[0]} x {cells[1]} cells from {frames} frames of {pixels[0]} x '
                    f'{pixels[1]} pixels; set {fits} there, or other strides in model.backbone'
                )
