"""Embeddings of frames by an image network (DINOv2, CLIP's image tower, any classifier)."""

from __future__ import annotations

from typing import Any

import torch
from mmaction.registry import MODELS
from torch import Tensor, nn

from egoexo_mm.untrusted import quote_names

from .classifiers import Classifier, load_classifier
from .frame_score import FrameScoreTeacher, check_online_frames


@MODELS.register_module()
class ImageEmbeddingTeacher(FrameScoreTeacher):
    """The feature that an image network has before its last layer; an item is one frame.

    Args:
        signal: Name of the signal, for example ``'dinov2'``.
        classifier: Arguments of :func:`egoexo_mm.models.teachers.classifiers.load_classifier`, for
            example ``dict(kind='timm', name='vit_small_patch14_dinov2.lvd142m')``.
        online_frames: Frames of a training clip that are encoded, evenly spaced.
        name: For the manifest; by default that of the network.

    Raises:
        ImportError: The library of the network is missing.
        ValueError: The network is unknown, its weights cannot be read, or not one last layer.
    """

    score_kinds = ('embedding',)

    def __init__(
        self,
        *,
        signal: str,
        classifier: dict[str, Any],
        online_frames: int = 4,
        name: str | None = None,
    ) -> None:
        check_online_frames(online_frames)
        found = load_classifier(**classifier)
        network, width = without_last_layer(found)
        super().__init__(
            classifier=network,
            frames=found.frames,
            num_scores=width,
            score_kind='embedding',
            name=name or f'{found.name}, feature',
            weights_sha256=found.weights_sha256,
            online_frames=online_frames,
        )
        self.signal = self.target = signal


def without_last_layer(classifier: Classifier) -> tuple[nn.Module, int]:
    """The network without its layer of classes, and the width of its feature.

    Raises:
        ValueError: The network is not of timm, and none or several of its linear layers give the
            classes; or what is left gives no feature.
    """
    network = classifier.network.eval()
    if hasattr(network, 'reset_classifier'):  # of timm; some have two layers of classes
        network.reset_classifier(0)
    else:
        name = _last_layer(classifier)
        parent, _, last = name.rpartition('.')
        setattr(network.get_submodule(parent), last, nn.Identity())
    with torch.no_grad():  # of a blank frame
        feature = network(classifier.frames(torch.zeros(1, 3, 32, 32)))
    if not isinstance(feature, Tensor) or feature.dim() != 2:
        raise ValueError(
            f'{classifier.name}: without its layer of classes it does not give one feature a '
            'frame; take another network'
        )
    return network, feature.shape[1]


def _last_layer(classifier: Classifier) -> str:
    """Name of the linear layer that gives the classes."""
    classes = classifier.num_scores
    names = [
        name
        for name, layer in classifier.network.named_modules()
        if isinstance(layer, nn.Linear)
        and layer.out_features == classes
        # AuxLogits.fc, aux1.fc2: they run in training alone
        and not name.lower().startswith('aux')
    ]
    if len(names) != 1:
        raise ValueError(
            f'{classifier.name}: expected one linear layer that gives its {classes} classes, found '
            f'{quote_names(names) or "none"}; take another network'
        )
    return names[0]
