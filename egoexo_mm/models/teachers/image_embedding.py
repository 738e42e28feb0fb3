"""Embeddings of frames by an image network (DINOv2, CLIP's image tower, any classifier)."""

from __future__ import annotations

from typing import Any

from mmaction.registry import MODELS
from torch import Tensor, nn

from .base import ScoreTeacher
from .classifiers import Classifier, load_classifier
from .frame_preprocessor import evenly_spaced


@MODELS.register_module()
class ImageEmbeddingTeacher(ScoreTeacher):
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
        if online_frames < 1:
            raise ValueError(f'online_frames must be at least 1, got {online_frames}')
        found = load_classifier(**classifier)
        network, width = without_last_layer(found)
        super().__init__(
            num_scores=width,
            score_kind='embedding',
            name=name or f'{found.name}, feature',
            weights_sha256=found.weights_sha256,
        )
        self.signal = self.target = signal
        self.network = network
        self.frames = found.frames
        self.online_frames = online_frames
        self.freeze()

    def prepare(self, pixels: Tensor) -> Tensor:
        """(n, 3, size, size) normalised frames of (n, 3, H, W), at the network's own size."""
        return self.frames(pixels)

    def logits(self, items: Tensor) -> Tensor:
        """(n, E) embeddings; the mean over the frames of an item."""
        return self.network(items.flatten(0, 1)).unflatten(0, items.shape[:2]).mean(1)

    def clip_items(self, num_frames: int) -> Tensor:
        """(online_frames, 1) evenly spaced frames, fewer where the clip has fewer."""
        return evenly_spaced(num_frames, min(self.online_frames, num_frames))[:, None]


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
