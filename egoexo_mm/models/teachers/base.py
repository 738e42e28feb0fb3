"""What every teacher of Ego-Exo offers, to extraction of stores and to online distillation.

Shape legend: ``n`` items, ``L`` frames of an item (1 for teachers of single frames), ``H x W``
pixels of a frame, ``h x w`` pixels as the network sees them, ``C`` scores, ``N`` clips of ``T``
frames.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Hashable
from typing import Any

import numpy as np
import torch
from mmengine.model import BaseModule
from torch import Tensor

from egoexo_mm.checks import check_choice
from egoexo_mm.probabilities import TRAINED_FLOOR
from egoexo_mm.targets import Manifest

# Named as in MMEngine's AmpOptimWrapper; the short names are aliases.
HALF_DTYPES = dict(bfloat16=torch.bfloat16, float16=torch.float16)
HALF_DTYPES.update(bf16=torch.bfloat16, fp16=torch.float16)


class Teacher(BaseModule):
    """A frozen model whose outputs are distilled.

    It takes raw RGB pixels and does its own resizing and normalisation. Extraction calls
    ``prepare`` on frames, ``infer`` on full batches of items, and ``row`` on all results of a
    video. Training calls ``targets`` on the clips of a batch. Gradients are off and evaluation mode
    stays on, whatever the model around it does. Subclasses call ``freeze`` once they are built.

    Args:
        name: Of the teacher, for the manifest of its stores.
        weights_sha256: SHA-256 of its checkpoint file, where it has one.
    """

    signal: str = ''  # ego_score, object_score, interaction, or another name
    target: str = ''  # field of the data sample: the signal, of boxes with _map behind

    def __init__(self, *, name: str, weights_sha256: str | None = None) -> None:
        super().__init__()
        self.name = name
        self.weights_sha256 = weights_sha256

    def freeze(self) -> None:
        """Turn gradients off and evaluation mode on."""
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Teacher:
        """Stay in evaluation mode."""
        return super().train(False)

    def init_weights(self) -> None:
        """Keep the weights, whatever the model around it does with its own."""

    def manifest(self, dataset: str, **fields: Any) -> Manifest:
        """Description of a store that this teacher fills."""
        return Manifest(
            signal=self.signal,
            dataset=dataset,
            teacher=self.name,
            weights_sha256=self.weights_sha256,
            **fields,
        ).with_settings(self.row_settings())

    def row_settings(self) -> dict[str, Any]:
        """Options that change the rows of a store, for its manifest.

        A store that was begun with others is refused.
        """
        return {}

    def batch_key(self, prepared: Tensor, frame_size: tuple[int, int]) -> Hashable:
        """Items (L, 3, h, w) may share a batch when their keys are equal."""
        return tuple(prepared.shape)

    @abstractmethod
    def prepare(self, pixels: Tensor) -> Tensor:
        """Resize and normalise frames of one size.

        Args:
            pixels: (n, 3, H, W) RGB from 0 to 255, uint8 or floating point, on any device.

        Returns:
            (n, 3, h, w) floating point, on the same device.
        """

    @abstractmethod
    def infer(self, items: Tensor, frame_size: tuple[int, int]) -> list[Any]:
        """Results of n items.

        Args:
            items: (n, L, 3, h, w) prepared frames with one batch key.
            frame_size: (H, W) of the frames before ``prepare``. Where ``batch_key`` leaves it out,
                it is that of any item.
        """

    @abstractmethod
    def row(self, results: list[Any], frames: np.ndarray) -> dict[str, Any]:
        """A video's row: arguments of ``StoreWriter.add_scores`` or ``add_detections``.

        Args:
            results: Of every item of the video, in order.
            frames: (n, L) frame numbers of the items.
        """

    @abstractmethod
    def targets(self, pixels: Tensor) -> list[Tensor]:
        """Targets of N training clips, in the form that ``LoadTargets`` gives them.

        Args:
            pixels: (N, 3, T, H, W) RGB from 0 to 255, floating point.
        """


class ScoreTeacher(Teacher):
    """A classifier or an encoder; the scores (or embedding) of a video are the mean over its items.

    Subclasses give ``prepare``, ``logits`` and ``clip_items``.

    Args:
        num_scores: ``C``.
        score_kind: ``'logits'`` (means of raw scores) or ``'probabilities'`` (means of softmax
            scores); of signals with a name of their own also ``'scores'`` or ``'embedding'``, means
            of what the network gives.
        **kwargs: Of :class:`Teacher`.

    Raises:
        ValueError: For another ``score_kind``.
    """

    score_kinds: tuple[str, ...] = ('logits', 'probabilities')

    def __init__(self, *, num_scores: int, score_kind: str = 'logits', **kwargs: Any) -> None:
        check_choice('score_kind', score_kind, self.score_kinds)
        super().__init__(**kwargs)
        self.num_scores = num_scores
        self.score_kind = score_kind

    def manifest(self, dataset: str, **fields: Any) -> Manifest:
        """Description of a store that this teacher fills."""
        return super().manifest(
            dataset, score_kind=self.score_kind, num_scores=self.num_scores, **fields
        )

    @abstractmethod
    def logits(self, items: Tensor) -> Tensor:
        """(n, C) raw scores of (n, L, 3, h, w) prepared items."""

    @abstractmethod
    def clip_items(self, num_frames: int) -> Tensor:
        """Items of a training clip that are scored: (items, L) positions in its frames."""

    def _scores(self, items: Tensor) -> Tensor:
        scores = self.logits(items).float()
        return scores.softmax(1) if self.score_kind == 'probabilities' else scores

    @torch.no_grad()
    def infer(self, items: Tensor, frame_size: tuple[int, int]) -> list[np.ndarray]:
        """(C,) float32 scores of each item."""
        return list(self._scores(items).cpu().numpy())

    def row(self, results: list[np.ndarray], frames: np.ndarray) -> dict[str, Any]:
        """Mean scores of a video."""
        return dict(scores=np.mean(results, axis=0))

    @torch.no_grad()
    def targets(self, pixels: Tensor) -> list[Tensor]:
        """(C,) float32 logits of each clip; mean probabilities ``p`` become ``log p``."""
        index = self.clip_items(pixels.shape[2])
        # An index in pageable memory is copied without waiting for the device. Indexing with a host
        # tensor would wait.
        places = index.flatten().to(pixels.device, non_blocking=True)
        frames = pixels.transpose(1, 2).index_select(1, places)  # (N, items * L, 3, H, W)
        prepared = self.prepare(frames.flatten(0, 1)).unflatten(0, (-1, index.shape[1]))
        scores = self._scores(prepared).unflatten(0, (len(pixels), len(index))).mean(1)
        if self.score_kind == 'probabilities':
            scores = scores.clamp(min=TRAINED_FLOOR).log()
        return list(scores)
