"""Targets and model must show the same frames and cells."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from mmaction.models import Recognizer2D
from mmaction.registry import HOOKS
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch import Tensor, nn

from egoexo_mm.datasets.transforms import LoadTargets
from egoexo_mm.interaction_maps import MapGeometry
from egoexo_mm.models.heads import InteractionMapHead

from .runner_parts import bare_model, built_loop, inner_datasets, own_transforms

_INSTEAD = 'use ClipRandAugment (its geometric=False is the default) or colour operations'
# Of torchvision, those that leave every pixel in its place.
_COLOR_OPS = {
    'ColorJitter',
    'GaussianBlur',
    'GaussianNoise',
    'Grayscale',
    'RandomAdjustSharpness',
    'RandomAutocontrast',
    'RandomEqualize',
    'RandomErasing',
    'RandomGrayscale',
    'RandomInvert',
    'RandomPosterize',
    'RandomSolarize',
}


@HOOKS.register_module()
class CheckTargetsHook(Hook):
    """Compare the geometry of Interaction-Map targets with the model's, at start.

    ``LoadTargets`` of the pipeline and an online ``DetectionTeacher`` make maps; the backbone and
    its ``InteractionMapHead`` predict them. What ``LoadTargets`` does not say is told by the model
    (:meth:`EgoExoRecognizer.map_geometry`). Which frames the maps show must agree before
    training (or the test of maps) starts, since maps of other frames have the same shape. The
    strides are compared in the first step, from what the backbone makes of the first clips.
    Transforms of other libraries that warp frames are refused, since boxes cannot follow them.
    """

    def before_train(self, runner: Runner) -> None:
        """Check the training pipeline and online teachers, and validation that reads maps.

        Raises:
            ValueError: If they disagree with the model; names both settings.
        """
        self._check(runner, runner.train_dataloader.dataset, 'train_dataloader')
        validation = built_loop(runner, 'val')
        if validation is not None:
            dataset = validation.dataloader.dataset
            if any(_stored(dataset, 'val_dataloader')):
                self._check(runner, dataset, 'val_dataloader')

    def before_test(self, runner: Runner) -> None:
        """Check the test pipeline, where maps are measured.

        Raises:
            ValueError: If it disagrees with the model; names both settings.
        """
        self._check(runner, runner.test_dataloader.dataset, 'test_dataloader')

    @staticmethod
    def _check(runner: Runner, dataset: Any, loader: str) -> None:
        model = bare_model(runner)
        heads = {
            name: head
            for name, head in getattr(model, 'aux_heads', {}).items()
            if isinstance(head, InteractionMapHead)
        }
        tells = getattr(model, 'map_geometry', lambda name: None)
        known = {name: tells(name) for name in heads}
        loads = list(_stored(dataset, loader)) if heads else []
        _tell(runner, loads, [geometry for geometry in known.values() if geometry])
        geometries = [(where, one.geometry) for where, one in loads]
        geometries += _online(model)
        for name, head in heads.items():
            _check_kinds(head, dataset, loader)
            for where, geometry in geometries:
                _check_frames(runner, model, head.pathway, known[name], where, geometry)
            if geometries:
                _FirstShapes(model, head, geometries)


def _check_kinds(head: InteractionMapHead, dataset: Any, loader: str) -> None:
    """Compare the channels of a head with those of the store that it learns from."""
    for one in inner_datasets(dataset):
        own = [step.stores for step in own_transforms(one) if isinstance(step, LoadTargets)]
        store = next(filter(None, own), getattr(one, 'stores', {})).get(head.target)
        if store is not None and store.manifest.box_kinds != head.kinds:
            raise ValueError(
                f'{store.path} has the kinds {store.manifest.box_kinds}, but the head of '
                f'{head.target!r} has kinds={head.kinds}; set kinds of the head in '
                f'model.aux_heads, or the store of {loader}.dataset.targets'
            )


def _tell(runner: Runner, loads: list[tuple[str, LoadTargets]], known: list[MapGeometry]) -> None:
    """Give ``LoadTargets`` of every data set what its config does not say."""
    unsure = [(where, one) for where, one in loads if not one.is_complete]
    if not unsure or not known:
        return
    if len(set(known)) > 1:
        raise ValueError(
            f'{unsure[0][0]} cannot make maps for heads of different taps: {known}; give it '
            'time_stride, frame_sampling, cell_size and join_clips'
        )
    for where, transform in unsure:
        former = transform.geometry
        transform.adopt(known[0])
        if transform.geometry != former and _workers_run(runner):
            raise ValueError(
                f'{where} does not say {known[0]}, and its workers have started with '
                f'{former}: IterBasedTrainLoop starts them before any hook; set time_stride='
                f'{known[0].time_stride}, frame_sampling={known[0].frame_sampling!r}, '
                f'cell_size={known[0].cell_size} and join_clips={known[0].join_clips} there'
            )


def _workers_run(runner: Runner) -> bool:
    """Whether the loop of training has a running iterator with processes of its own."""
    loop = getattr(runner, '_train_loop', None)
    loader = getattr(runner, 'train_dataloader', None)
    return hasattr(loop, 'dataloader_iterator') and getattr(loader, 'num_workers', 0) > 0


def _stored(dataset: Any, loader: str) -> Iterator[tuple[str, LoadTargets]]:
    """Where a pipeline reads maps from stores."""
    for one in inner_datasets(dataset):
        for transform in own_transforms(one):
            if isinstance(transform, LoadTargets):
                stores = transform.stores or getattr(one, 'stores', {})
                if any(store.manifest.kind != 'scores' for store in stores.values()):
                    check_warps(list(own_transforms(one)), loader)
                    yield f'LoadTargets of {loader}.dataset.pipeline', transform


def check_warps(transforms: list, loader: str) -> None:
    """Refuse transforms that move pixels where boxes cannot follow.

    Raises:
        ValueError: For one of them, with what to use instead.
    """
    names = [type(one).__name__ for one in transforms]
    begin, end = (
        names.index(name) if name in names else None for name in ('TrackGeometry', 'LoadTargets')
    )
    late = names[end + 1 :] if end is not None else []
    for where, found, moves in (
        ('behind LoadTargets', late, 'Flip|Crop|Resize|Rescale'),
        ('before TrackGeometry', names[: begin or 0], 'Flip|Crop'),
    ):
        moving = [name for name in found if re.search(moves, name)]
        if moving:
            raise ValueError(
                f'{loader}.dataset.pipeline: {moving[0]} is {where}, so that boxes would not '
                'follow it; put TrackGeometry right after decoding, and LoadTargets after all '
                'resizing, cropping and flipping'
            )
    for one in transforms:
        kind = type(one).__name__
        op = getattr(one, 'op', None) or type(getattr(one, 'trans', None)).__name__
        if kind == 'ClipRandAugment' and one.geometric:
            found = 'ClipRandAugment(geometric=True)'
            remedy = 'set geometric=False'
        elif kind in ('PytorchVideoWrapper', 'TorchVisionWrapper') and op not in _COLOR_OPS:
            found, remedy = f'{kind}(op={op!r})', _INSTEAD
        elif kind == 'ImgAug':
            found, remedy = kind, _INSTEAD
        else:
            continue
        raise ValueError(
            f'{loader}.dataset.pipeline: {found} moves pixels, and LoadTargets cannot follow boxes '
            f'through that; {remedy}, or train without interaction_map'
        )


def _online(model: nn.Module) -> Iterator[tuple[str, MapGeometry]]:
    teachers = getattr(model, 'teachers', None)
    for name, teacher in getattr(teachers, 'built', {}).items():
        if hasattr(teacher, 'geometry'):
            yield f'model.teachers.{name}', teacher.geometry


def _check_frames(
    runner: Runner,
    model: nn.Module,
    pathway: int,
    known: MapGeometry | None,
    where: str,
    geometry: MapGeometry,
) -> None:
    """Compare the sampling of frames; with a stride of 1 both are the same."""
    backbone = model.backbone
    if where.startswith('LoadTargets') and known and known.join_clips != geometry.join_clips:
        raise ValueError(
            f'{where} has join_clips={geometry.join_clips}, but {type(model).__name__} '
            f'{"is" if known.join_clips else "is not"} a 2D recognizer, which sees the frames of '
            f'all clips as one clip; set join_clips={known.join_clips} there'
        )
    setting = getattr(backbone, 'slow_sampling', None) if pathway == 0 else None
    # 'stride' is what strides and patches of convolutions do
    sampling = setting or (known.frame_sampling if known else 'stride')
    if geometry.time_stride == 1 or geometry.frame_sampling == sampling:
        return
    side = (
        f'model.backbone.slow_sampling={setting!r}'
        if setting
        else f'{type(backbone).__name__} sees every {geometry.time_stride}th frame'
        + (' and the middle of as many' if sampling == 'middle' else '')
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
    if setting is None and known is None:
        runner.logger.warning(f'{message}, unless the backbone chooses its frames itself')
    else:
        raise ValueError(message)


class _FirstShapes:
    """Compares strides in the first forward pass, then removes itself."""

    def __init__(
        self, model: nn.Module, head: nn.Module, geometries: list[tuple[str, MapGeometry]]
    ) -> None:
        self.geometries = geometries
        self.frames_in_batch = isinstance(model, Recognizer2D)
        self.frames = 0
        self.clip: tuple[int, ...] = ()
        self.handles = [
            model.backbone.register_forward_pre_hook(self.see_clip),
            head.register_forward_hook(self.see_maps),
        ]

    def see_clip(self, backbone: nn.Module, args: tuple[Tensor, ...]) -> None:
        self.clip = tuple(args[0].shape[2:]) if args else ()
        self.frames = len(args[0]) if args else 0

    def see_maps(self, head: nn.Module, args: tuple, maps: Tensor) -> None:
        for handle in self.handles:
            handle.remove()
        if self.frames_in_batch and len(self.clip) == 2:  # (N T, 3, H, W)
            self.clip = (self.frames // len(maps), *self.clip)
        if len(self.clip) != 3:  # (T, H, W) of a 3D backbone
            return
        (frames, *pixels), (slow, *cells) = self.clip, tuple(maps.shape[2:])
        for where, geometry in self.geometries:
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
