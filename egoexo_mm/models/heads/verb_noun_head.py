"""Class head for actions that are a verb and a noun (EPIC-Kitchens, Ego4D)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from mmaction.utils import ConfigType, SampleList
from torch import Tensor, nn

from egoexo_mm.models.action_pairs import action_table
from egoexo_mm.models.blending import Blend, blend_of, has_soft_labels
from egoexo_mm.models.distillation_maths import pool_features
from egoexo_mm.models.labelled_samples import check_labelled
from egoexo_mm.models.view_scoring import top_k_accuracy

from .base import Feats, ViewHead, join_frames

PARTS = ('verb', 'noun')
CROSS_ENTROPY = dict(type='CrossEntropyLoss')


class VerbNounScores(dict):
    """Scores by part, ``verb`` (num_verbs,) and ``noun`` (num_nouns,)."""

    def tolist(self) -> list[float]:
        """Scores of verbs, then of nouns; MMAction2's inference asks for one list."""
        return [score for part in PARTS for score in self[part].tolist()]


@MODELS.register_module()
class VerbNounHead(ViewHead):
    """Two linear layers on one pooled, dropped-out feature of any backbone.

    Args:
        num_verbs: Classes of the verb layer.
        num_nouns: Classes of the noun layer.
        in_channels: Channels of the pooled feature, 2304 for SlowFast-R50 (fast and slow).
        loss_verb: Config of the loss of verbs; class weights are ``class_weight`` of
            ``CrossEntropyLoss``.
        loss_noun: The same for nouns.
        actions: The (verb, noun) pairs that count as actions, or a file of them (see
            ``action_table``); with them training logs the accuracy of the best action.
        loss_action_weight: Weight of a cross entropy over ``actions``, where an action's score is
            the sum of the log-softmax scores of its verb and noun. A sample whose pair is not
            listed adds zero.
        **kwargs: Of :class:`ViewHead` (``activation``, ``ensemble``, ``pool_size``,
            ``dropout_ratio``, ``init_std``) and ``init_cfg``.

    Raises:
        ValueError: If a loss has another number of class weights than classes, or there is an
            action loss without actions.
    """

    def __init__(
        self,
        *,
        num_verbs: int,
        num_nouns: int,
        in_channels: int,
        loss_verb: ConfigType = CROSS_ENTROPY,
        loss_noun: ConfigType = CROSS_ENTROPY,
        actions: Sequence[tuple[int, int]] | str | None = None,
        loss_action_weight: float = 0.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if loss_action_weight and actions is None:
            raise ValueError(
                'loss_action_weight needs actions, the (verb, noun) pairs to tell apart'
            )
        for part, loss, classes in (('verb', loss_verb, num_verbs), ('noun', loss_noun, num_nouns)):
            weights = loss.get('class_weight')
            if weights is not None and len(weights) != classes:
                raise ValueError(
                    f'loss_{part}: expected {classes} class weights, got {len(weights)}'
                )
        self.loss_action_weight = loss_action_weight
        self.fc_verb = nn.Linear(in_channels, num_verbs)
        self.fc_noun = nn.Linear(in_channels, num_nouns)
        self.loss_verb = MODELS.build(loss_verb)
        self.loss_noun = MODELS.build(loss_noun)
        pairs, table = (
            (None, None) if actions is None else action_table(actions, num_verbs, num_nouns)
        )
        self.register_buffer('action_pairs', pairs, persistent=False)
        self.register_buffer('action_table', table, persistent=False)

    def forward(self, feats: Feats, num_segs: int = 1, **kwargs: Any) -> tuple[Tensor, Tensor]:
        """Verb and noun scores before the activation, from the global average.

        Args:
            feats: (N, D, T, H, W), the (slow, fast) pair of a SlowFast backbone, or frames
                (N * T, D, H, W) of a 2D recognizer.
            num_segs: ``T`` of such frames.
            **kwargs: Not used.

        Returns:
            (N, num_verbs) and (N, num_nouns).
        """
        x = self.dropout(pool_features(join_frames(feats, num_segs)))
        return self.fc_verb(x), self.fc_noun(x)

    def loss(self, feats: Feats, data_samples: SampleList, **kwargs: Any) -> dict[str, Tensor]:
        """Losses of verb and noun (and action, with a weight), and top-1 accuracies.

        Args:
            feats: Features of N clips.
            data_samples: N samples with a (2,) ``gt_label``: verb, noun. In a training that blends
                clips (mixup, cutmix) there are no accuracies.
            **kwargs: Not used.

        Raises:
            ValueError: If a label is missing, -1 or of another shape.
        """
        check_labelled(data_samples)
        for sample in data_samples:
            if sample.gt_label.shape != (2,):
                shape = tuple(sample.gt_label.shape)
                raise ValueError(f'expected a label [verb, noun], got a tensor of shape {shape}')
        verb, noun = self(feats, **kwargs)
        label = torch.stack([sample.gt_label for sample in data_samples]).to(verb.device)
        verb_label, noun_label = label.unbind(1)
        if has_soft_labels(data_samples):
            return self._blended_losses(verb, noun, label, blend_of(data_samples))
        losses = self._losses(verb, noun, label)
        losses['verb_top1_acc'] = top_k_accuracy(verb, verb_label, 1)
        losses['noun_top1_acc'] = top_k_accuracy(noun, noun_label, 1)
        if self.action_pairs is not None:
            action_label = self.action_table[verb_label, noun_label]
            losses['action_top1_acc'] = top_k_accuracy(
                self.action_scores(verb, noun), action_label, 1
            )
        return losses

    def _losses(self, verb: Tensor, noun: Tensor, label: Tensor) -> dict[str, Tensor]:
        """Losses of (N, num_verbs) and (N, num_nouns) logits for labels (N, 2)."""
        losses = dict(
            loss_verb=self.loss_verb(verb, label[:, 0]), loss_noun=self.loss_noun(noun, label[:, 1])
        )
        if self.action_pairs is not None and self.loss_action_weight:
            scores = self.action_scores(verb, noun)
            action_label = self.action_table[label[:, 0], label[:, 1]]
            # a sum over N, since a mean over no listed pair would be NaN
            nll = F.cross_entropy(scores, action_label, ignore_index=-1, reduction='sum')
            losses['loss_action'] = self.loss_action_weight * nll / len(label)
        return losses

    def _blended_losses(
        self, verb: Tensor, noun: Tensor, label: Tensor, blend: Blend | None
    ) -> dict[str, Tensor]:
        """Losses for the labels of both clips, by their shares; of soft labels if unweighted."""
        losses = self._losses(verb, noun, label)
        if blend is None:
            return losses
        partner = self._losses(verb, noun, label[blend.index])
        return {name: blend.mix(loss, partner[name]) for name, loss in losses.items()}

    def action_scores(self, verb: Tensor, noun: Tensor) -> Tensor:
        """(N, A) log-scores of the listed actions from (N, num_verbs) and (N, num_nouns) logits."""
        verbs, nouns = self.action_pairs.unbind(1)
        return verb.float().log_softmax(1)[:, verbs] + noun.float().log_softmax(1)[:, nouns]

    def view_scores(self, feats: Feats, num_segs: int = 1, **kwargs: Any) -> dict[str, Tensor]:
        """Activated scores of every view: ``verb`` (NV, num_verbs) and ``noun`` (NV, num_nouns)."""
        return dict(zip(PARTS, self._layer_scores(feats, num_segs, self.fc_verb, self.fc_noun)))

    def predict_views(self, scores: dict[str, Tensor], data_samples: SampleList) -> SampleList:
        """Set ``pred_score`` (dict of verb and noun scores) and ``pred_label`` (2,) of samples."""
        verbs, nouns = (self._video_scores(scores[part], data_samples) for part in PARTS)
        for sample, verb, noun in zip(data_samples, verbs, nouns):
            sample.set_pred_score(VerbNounScores(verb=verb, noun=noun))
            sample.set_pred_label(torch.stack([verb.argmax(), noun.argmax()]))
        return data_samples
