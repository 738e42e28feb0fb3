"""Object-Score and Ego-Score by words: a CLIP-type model compares frames with prompts.

Shape legend: ``n`` frames, ``C`` classes, ``D`` dimensions of the space of pictures and texts.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmaction.registry import MODELS
from torch import Tensor, nn
from torch.nn import functional as F

from egoexo_mm.atomic_files import whole_file
from egoexo_mm.targets import Manifest

from .frame_score import FrameScoreTeacher
from .text_image_models import TextImageModel, load_text_image_model
from .vocabulary import as_words, read_vocabulary

# This package's choice. They were not tuned on any data set.
OBJECT_TEMPLATES = (
    'a photo of a {}.',
    'a photo of the {}.',
    'a close-up photo of a {}.',
    'a blurry photo of a {}.',
    'a photo of a small {}.',
    'a photo of a person using a {}.',
    'a {} in a hand.',
)
THIRD_PERSON = (
    'a third-person view of a person.',
    'a video of a person, filmed by somebody else.',
    'a photo of a person seen from the other side of the room.',
    'a photo that shows the face and the body of a person.',
)
FIRST_PERSON = (
    'a first-person view of what I am doing.',
    'a video from a camera on my head.',
    'a point-of-view photo of my own hands.',
    'an egocentric photo of two hands that reach into the picture from below.',
)
_BATCH = 64  # texts at once


class ZeroShotClassifier(nn.Module):
    """Cosines of frames with the texts of classes, as logits.

    The mean over the classes is subtracted. That changes no softmax, and leaves float16 stores
    more digits: all cosines of a frame share a large part.

    Args:
        images: (n, 3, h, w) -> (n, D).
        texts: (C, D), of length 1.
        scale: Of the cosines.
    """

    def __init__(self, images: nn.Module, texts: Tensor, scale: float) -> None:
        super().__init__()
        self.images = images
        self.scale = scale
        self.register_buffer('texts', texts, persistent=False)

    def forward(self, frames: Tensor) -> Tensor:
        """(n, C) logits of (n, 3, h, w) prepared frames."""
        features = F.normalize(self.images(frames).float(), dim=1)
        # The scale is about 100, which half precision would turn into errors of 0.1.
        with torch.autocast(frames.device.type, enabled=False):
            logits = self.scale * features @ self.texts.float().T
        return logits - logits.mean(1, keepdim=True)


class ZeroShotTeacher(FrameScoreTeacher):
    """Scores of classes that are described by prompts; an item is one frame.

    The text of a class is the mean of the features of its prompts, each of length 1, made anew to
    length 1. Texts are read once, at the start, on the CPU.

    Args:
        model: Arguments of :func:`load_text_image_model`.
        prompts: Of each class.
        text_cache: Folder where features of texts are kept for the next run. Only models whose
            weights have a file are cached. None: no cache.
        vocabulary: Names of the classes, for the manifest.
        templates: Of the prompts, for the manifest; None: the prompts themselves are in it.
        name: For the manifest; by default that of the model.
        **kwargs: Of :class:`FrameScoreTeacher`.

    Raises:
        ImportError: The library of the model is missing.
        ValueError: The model cannot be read, or a class has no prompt.
    """

    def __init__(
        self,
        *,
        model: dict[str, Any],
        prompts: Sequence[Sequence[str]],
        vocabulary: Sequence[str],
        templates: Sequence[str] | None = None,
        text_cache: str | None = None,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        for label, sentences in zip(vocabulary, prompts):
            if isinstance(sentences, str) or not sentences:
                raise ValueError(
                    f'prompts of {label!r}: got {sentences!r}, expected a list of one or more'
                )
        found = load_text_image_model(**model)
        texts = text_features(found, prompts, text_cache)
        _check_images(found, texts.shape[1])
        super().__init__(
            classifier=ZeroShotClassifier(found.images, texts, found.scale),
            frames=found.frames,
            num_scores=len(prompts),
            name=name or found.name,
            weights_sha256=found.weights_sha256,
            **kwargs,
        )
        self.settings = found.settings
        self.vocabulary = tuple(vocabulary)
        self.prompts = tuple(templates or map(tuple, prompts))

    def row_settings(self) -> dict[str, Any]:
        """How frames are prepared, where name and weights do not tell it."""
        return self.settings

    def manifest(self, dataset: str, **fields: Any) -> Manifest:
        """Description of a store that this teacher fills, with vocabulary and prompts."""
        return super().manifest(dataset, classes=self.vocabulary, prompts=self.prompts, **fields)


@MODELS.register_module()
class ZeroShotObjectTeacher(ZeroShotTeacher):
    """Object-Score over any vocabulary.

    Args:
        vocabulary: Names or a file, see :func:`read_vocabulary`.
        vocabulary_key: Of the list in a JSON file.
        templates: Prompts with ``{}`` in place of the name.
        **kwargs: Of :class:`ZeroShotTeacher`, without ``prompts``.

    Raises:
        ImportError: The library of the model is missing.
        ValueError: Vocabulary or model cannot be read, or a template has no ``{}``.
    """

    signal = 'object_score'
    target = 'object_score'

    def __init__(
        self,
        *,
        vocabulary: str | Sequence[str],
        vocabulary_key: str = 'nouns',
        templates: Sequence[str] = OBJECT_TEMPLATES,
        **kwargs: Any,
    ) -> None:
        names = read_vocabulary(vocabulary, vocabulary_key)
        if isinstance(templates, str) or not templates:
            raise ValueError(f'templates: got {templates!r}, expected a list of one or more')
        for template in templates:
            if template.count('{}') != 1:
                raise ValueError(
                    f"template {template!r}: expected one {{}}, as in 'a photo of a {{}}.'"
                )
        prompts = [
            [template.replace('{}', word) for template in templates] for word in as_words(names)
        ]
        super().__init__(prompts=prompts, vocabulary=names, templates=templates, **kwargs)


@MODELS.register_module()
class ZeroShotEgoTeacher(ZeroShotTeacher):
    """Ego-Score from prompts, without training; scores are ordered [third person, first person].

    Args:
        third_person: Prompts of one side.
        first_person: Prompts of the other.
        **kwargs: Of :class:`ZeroShotTeacher`, without ``prompts`` and ``vocabulary``.

    Raises:
        ImportError: The library of the model is missing.
        ValueError: The model cannot be read, or a side has no prompt.
    """

    signal = 'ego_score'
    target = 'ego_score'

    def __init__(
        self,
        *,
        third_person: Sequence[str] = THIRD_PERSON,
        first_person: Sequence[str] = FIRST_PERSON,
        **kwargs: Any,
    ) -> None:
        super().__init__(
            prompts=[third_person, first_person],
            vocabulary=('third person', 'first person'),
            **kwargs,
        )


@torch.no_grad()
def _check_images(model: TextImageModel, width: int) -> None:
    """Refuse a model whose pictures do not meet its texts, by one blank frame."""
    found = model.images(model.frames(torch.zeros(1, 3, 32, 32)))
    shape = tuple(found.shape) if isinstance(found, Tensor) else type(found).__name__
    if shape != (1, width):
        raise ValueError(
            f'{model.name}: the features of a picture are {shape}, expected (1, {width}) as those '
            'of a text; take another model'
        )


@torch.no_grad()
def text_features(
    model: TextImageModel, prompts: Sequence[Sequence[str]], cache: str | None = None
) -> Tensor:
    """(C, D) features of classes, of length 1.

    Args:
        model: Makes features of texts.
        prompts: Of each class.
        cache: Folder of files of earlier calls; None: none.
    """
    path = None
    if cache and model.weights_sha256:
        made_by = [model.name, model.weights_sha256, model.settings]
        key = json.dumps([*made_by, [list(one) for one in prompts]])
        path = Path(cache, hashlib.sha256(key.encode()).hexdigest()[:32] + '.npy')
        if path.is_file():
            return torch.from_numpy(np.load(path, allow_pickle=False))
    sentences = [sentence for one in prompts for sentence in one]
    features = torch.cat(
        [
            F.normalize(model.texts(sentences[first : first + _BATCH]).float(), dim=1)
            for first in range(0, len(sentences), _BATCH)
        ]
    )
    classes = [one.mean(0) for one in features.split([len(one) for one in prompts])]
    found = F.normalize(torch.stack(classes), dim=1)
    if path:
        with whole_file(path) as temporary:
            np.save(temporary, found.numpy())
    return found
