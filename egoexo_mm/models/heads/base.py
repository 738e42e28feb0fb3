"""What the recognizer asks of heads: class heads score views, auxiliary heads learn targets.

Shape legend: ``N`` clips (samples), ``M`` of them with a target, ``V`` views a sample, ``C``
classes.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, Union

import torch
from mmaction.models.heads import BaseHead
from mmaction.utils import SampleList
from mmengine.model import BaseModule
from mmengine.model.weight_init import normal_init
from torch import Tensor, nn

from egoexo_mm.models.blending import Blend, blend_of
from egoexo_mm.models.view_scoring import (
    check_view_options,
    ensemble_views,
    pool_positions,
    position_scores,
)

Feats = Union[Tensor, Sequence[Tensor]]  # one map, or one per pathway
Scores = Any  # a tensor (NV, C), or a dict of such where a head has several layers


class ViewHead(BaseModule):
    """A class head that scores view by view and makes a video's prediction from the scores alone.

    Subclasses give ``loss`` as MMAction2's heads do, ``view_scores`` and ``predict_views``. The
    recognizer can then test the views of a video in several batches and keep only their scores.

    In testing the pooling window of training slides over the larger map, every position is
    classified and activated, and the mean over positions is the score of a view. A video's score is
    the mean or the maximum over its views.

    Of a 2D recognizer a view is the mean of its frames: those that the backbone counts
    (``num_segments`` of TSM, TIN, TANet), or else all of the sample, as in ``TSNHead``.

    Args:
        activation: ``'softmax'``, ``'sigmoid'``, or None for raw scores.
        ensemble: Over views, ``'mean'`` or ``'max'``.
        pool_size: Side of the pooling window in cells: training crop / 32. None pools the map at
            once.
        dropout_ratio: Dropout of the pooled feature in training.
        init_std: Standard deviation of the initial weights.
        **kwargs: Of the class that follows in the order of inheritance.
    """

    def __init__(
        self,
        *,
        activation: str | None = 'softmax',
        ensemble: str = 'mean',
        pool_size: int | None = 7,
        dropout_ratio: float = 0.5,
        init_std: float = 0.01,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        check_view_options(activation, ensemble)
        self.activation = activation
        self.ensemble = ensemble
        self.pool_size = pool_size
        self.init_std = init_std
        self.dropout = nn.Dropout(dropout_ratio)

    def init_weights(self) -> None:
        """Normal weights and zero bias of every linear layer."""
        for layer in self.children():
            if isinstance(layer, nn.Linear):
                normal_init(layer, std=self.init_std)

    @abstractmethod
    def view_scores(self, feats: Feats, **kwargs: Any) -> Scores:
        """Activated scores (NV, C) from the features of any number of views."""

    @abstractmethod
    def predict_views(self, scores: Scores, data_samples: SampleList) -> SampleList:
        """Set ``pred_score`` and ``pred_label`` of N samples from the scores of all their views."""

    def predict(self, feats: Feats, data_samples: SampleList, **kwargs: Any) -> SampleList:
        """Predictions from the features of all views at once."""
        return self.predict_views(self.view_scores(feats, **kwargs), data_samples)

    def _layer_scores(self, feats: Feats, num_segs: int, *layers: nn.Module) -> list[Tensor]:
        """Activated scores (NV, C) of each linear layer, mean over positions."""
        feats = join_frames(feats, num_segs)
        x = self.dropout(pool_positions(feats, self.pool_size))
        return [position_scores(layer(x), self.activation) for layer in layers]

    def _video_scores(self, scores: Tensor, data_samples: SampleList) -> Tensor:
        """(NV, C) scores of views -> (N, C)."""
        return ensemble_views(scores, len(data_samples), self.ensemble)


def join_frames(feats: Feats, num_segs: int) -> Feats:
    """Maps (N * T, D, H, W) of the frames of a 2D recognizer as (N, D, T, H, W); others as given.

    Args:
        feats: Of any recognizer.
        num_segs: ``T``, as the recognizer tells its head.
    """
    if isinstance(feats, Tensor) and feats.dim() == 4:
        return feats.unflatten(0, (-1, num_segs)).transpose(1, 2)
    return feats


class StockHead:
    """A class head of MMAction2 that scores views as :class:`ViewHead` does; wraps the module."""

    def __init__(self, head: BaseHead) -> None:
        self.head = head

    def view_scores(self, feats: Feats, **kwargs: Any) -> Tensor:
        """Raw scores (NV, C) of the views."""
        return self.head(feats, **kwargs)

    def predict_views(self, scores: Tensor, data_samples: SampleList) -> SampleList:
        """Predictions as the head's ``average_clips`` says."""
        return self.head.predict_by_feat(scores, data_samples)


def view_scorer(head: nn.Module) -> ViewHead | StockHead | None:
    """The head as one that scores views; None for a foreign head with a ``predict`` of its own."""
    if isinstance(head, ViewHead):
        return head
    stock = isinstance(head, BaseHead) and type(head).predict is BaseHead.predict
    return StockHead(head) if stock else None


def score_activation(head: nn.Module) -> str | None:
    """What the scores of a class head went through, ``'softmax'`` or ``'sigmoid'``; None: nothing.

    A head of MMAction2 has a softmax with ``average_clips='prob'``.
    """
    if isinstance(head, ViewHead):
        return head.activation
    return 'softmax' if getattr(head, 'average_clips', 'prob') == 'prob' else None


class AuxiliaryHead(BaseModule):
    """A head that learns a teacher's outputs; ``EgoExoRecognizer`` trains it and tests without it.

    Subclasses give ``forward``, ``losses`` and ``misfit``, and for mixup and cutmix
    ``blend(target, partner, blend)``: the targets (M, ...) of M clips that each show themselves and
    a partner, see :class:`~egoexo_mm.models.blending.Blend`.

    Args:
        target: Field of the data sample that holds the target of a clip. A sample that lacks the
            field adds zero to the loss.
        init_cfg: Of ``BaseModule``.
    """

    def __init__(self, *, target: str, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        self.target = target

    @abstractmethod
    def forward(self, feats: Any) -> Tensor:
        """Predictions (N, ...), of the shape of the targets.

        Args:
            feats: What ``EgoExoRecognizer.aux_input`` gives this head.
        """

    @abstractmethod
    def losses(self, pred: Tensor, target: Tensor, num_clips: int) -> dict[str, Tensor]:
        """Named, weighted losses: the sum over M clips divided by ``num_clips``.

        Args:
            pred: (M, ...) predictions of the clips that have a target, M from 0.
            target: (M, ...) their targets.
            num_clips: N.
        """

    @abstractmethod
    def misfit(self, pred: Tensor, target: Tensor) -> str:
        """What to tell a user whose targets have another shape than the predictions."""

    def loss(self, feats: Any, data_samples: SampleList) -> dict[str, Tensor]:
        """Weighted losses, mean over all N clips; a clip without a target adds zero.

        A blended clip (mixup, cutmix) has a target if it and its partner have one.

        Raises:
            ValueError: If targets have another shape than the predictions.
        """
        mix = getattr(self, 'blend', _cannot_mix)
        pred, target = gather_targets(data_samples, self.target, self(feats), mix)
        if pred.shape != target.shape:
            raise ValueError(f'{self.target}: {self.misfit(pred, target)}')
        return self.losses(pred, target, len(data_samples))


def pathway_channels(in_channels: int | Sequence[int] | None) -> tuple[int, ...]:
    """``in_channels`` of a head, one number for each pathway.

    Raises:
        ValueError: If there is none.
    """
    if in_channels is None:
        raise ValueError(
            'in_channels is not known; build the head in aux_heads of EgoExoRecognizer, or give it'
        )
    return (in_channels,) if isinstance(in_channels, int) else tuple(in_channels)


def can_blend(head: nn.Module) -> bool:
    """Whether an auxiliary head can blend its targets, and its loss can if that does it."""
    loss = getattr(head, 'loss_fn', None)
    return hasattr(head, 'blend') and (loss is None or hasattr(loss, 'blend'))


def _cannot_mix(target: Tensor, partner: Tensor, blend: Blend) -> Tensor:
    raise ValueError('the clips are blended (mixup, cutmix), and the head has no method blend')


def gather_targets(
    data_samples: SampleList,
    field: str,
    pred: Tensor,
    mix: Callable[[Tensor, Tensor, Blend], Tensor] = _cannot_mix,
) -> tuple[Tensor, Tensor]:
    """Predictions of the clips whose sample has ``field``, beside their targets.

    No value is read back from the device.

    Args:
        data_samples: N samples.
        field: ``ego_score``, ``object_score`` or ``interaction_map``.
        pred: (N, ...) predictions in the order of the samples.
        mix: ``blend`` of the head, for a batch that was blended.

    Returns:
        (M, ...) predictions and (M, ...) targets on their device.
    """
    blend = blend_of(data_samples)
    present = [i for i, sample in enumerate(data_samples) if field in sample]
    if blend is not None:
        having, partners = set(present), blend.partners
        present = [i for i in present if partners[i] in having]
    if not present:
        return pred[:0], pred[:0].detach()
    targets = _stacked(data_samples, field, present)
    if blend is not None:
        targets = mix(targets, _stacked(data_samples, field, [partners[i] for i in present]), blend)
    if len(present) < len(pred):
        # Stacking rows, unlike indexing with a list, sends no index to the device: no wait.
        pred = torch.stack([pred[i] for i in present])
    return pred, targets.to(pred.device)


def _stacked(data_samples: SampleList, field: str, rows: Sequence[int]) -> Tensor:
    return torch.stack([torch.as_tensor(data_samples[i].get(field)) for i in rows])
