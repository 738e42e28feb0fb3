"""Embeddings of frames by an image network (DINOv2, CLIP's image tower, any classifier)."""

from __future__ import annotations

from typing import Any

from mmaction.registry import MODELS
from torch import nn

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
        ValueError: The network is unknown, its weights cannot be read, or it has no last layer.
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
        ValueError: No linear layer gives the classes, and the network is no encoder of timm.
    """
    network, classes = classifier.network, classifier.num_scores
    if not classes and hasattr(network, 'num_features'):  # an encoder, such as DINOv2 in timm
        return network, network.num_features
    layers = {
        name: layer
        for name, layer in network.named_modules()
        if isinstance(layer, nn.Linear) and layer.out_features == classes
    }
    if not layers:
        raise ValueError(
            f'{classifier.name}: no linear layer gives its {classes} classes; take another network'
        )
    name, layer = list(layers.items())[-1]
    parent, _, last = name.rpartition('.')
    setattr(network.get_submodule(parent), last, nn.Identity())
    return network, layer.in_features
