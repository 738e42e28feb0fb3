"""Class head for actions that are a verb and a noun (EPIC-Kitchens, Ego4D)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from mmaction.utils import ConfigType, SampleList
from mmengine.model import BaseModule
from mmengine.model.weight_init import normal_init
from torch import Tensor, nn

from egoexo_mm.models.action_pairs import action_table
from egoexo_mm.models.functional import pool_features
from egoexo_mm.models.labels import check_labelled
from egoexo_mm.models.views import (
    check_view_options,
    ensemble_views,
    pool_positions,
    position_scores,
    top_k_accuracy,
)

CROSS_ENTROPY = dict(type='CrossEntropyLoss')


@MODELS.register_module()
class VerbNounHead(BaseModule):
    """Two linear layers on one pooled, dropped-out feature of any backbone; tested as ``ViewEnsembleHead``.

    Args:
        num_verbs, num_nouns: classes of each layer.
        in_channels: channels of the pooled feature, 2304 for SlowFast-R50 (fast and slow).
        loss_verb, loss_noun: configs of the losses. Class weights are ``class_weight`` of ``CrossEntropyLoss``.
        actions: the (verb, noun) pairs that count as actions, or a file of them (see ``action_table``); with them
            training logs the accuracy of the best action.
        loss_action_weight: weight of a cross entropy over ``actions``, where an action's score is the sum of the
            log-softmax scores of its verb and noun. A sample whose pair is not listed adds zero.
        activation, ensemble, pool_size, dropout_ratio, init_std: as in ``ViewEnsembleHead``.

    Raises:
        ValueError: if a loss has another number of class weights than classes, or there is an action loss without actions.
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
        activation: str | None = 'softmax',
        ensemble: str = 'mean',
        pool_size: int | None = 7,
        dropout_ratio: float = 0.5,
        init_std: float = 0.01,
        init_cfg: ConfigType | None = None,
    ) -> None:
        super().__init__(init_cfg)
        check_view_options(activation, ensemble)
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
        self.activation = activation
        self.ensemble = ensemble
        self.pool_size = pool_size
        self.init_std = init_std
        self.loss_action_weight = loss_action_weight
        self.dropout = nn.Dropout(dropout_ratio)
        self.fc_verb = nn.Linear(in_channels, num_verbs)
        self.fc_noun = nn.Linear(in_channels, num_nouns)
        self.loss_verb = MODELS.build(loss_verb)
        self.loss_noun = MODELS.build(loss_noun)
        pairs, table = (
            (None, None) if actions is None else action_table(actions, num_verbs, num_nouns)
        )
        self.register_buffer('action_pairs', pairs, persistent=False)
        self.register_buffer('action_table', table, persistent=False)

    def init_weights(self) -> None:
        """Normal weights, zero bias."""
        normal_init(self.fc_verb, std=self.init_std)
        normal_init(self.fc_noun, std=self.init_std)

    def forward(self, feats: Tensor | Sequence[Tensor], **kwargs) -> tuple[Tensor, Tensor]:
        """Verb and noun scores before the activation, from the global average.

        Args:
            feats: (N, D, T, H, W) or the (slow, fast) pair of a SlowFast backbone.

        Returns:
            (N, num_verbs) and (N, num_nouns).
        """
        x = self.dropout(pool_features(feats))
        return self.fc_verb(x), self.fc_noun(x)

    def loss(
        self, feats: Tensor | Sequence[Tensor], data_samples: SampleList, **kwargs
    ) -> dict[str, Tensor]:
        """Losses of verb and noun (and action, with a weight), and top-1 accuracies.

        Args:
            feats: features of N clips.
            data_samples: N samples with a (2,) ``gt_label``: verb, noun.

        Raises:
            ValueError: if a label is missing, -1 or of another shape.
        """
        check_labelled(data_samples)
        for sample in data_samples:
            if sample.gt_label.shape != (2,):
                raise ValueError(
                    f'expected a label [verb, noun], got a tensor of shape {tuple(sample.gt_label.shape)}'
                )
        verb, noun = self(feats)
        label = torch.stack([sample.gt_label for sample in data_samples]).to(verb.device)
        verb_label, noun_label = label.unbind(1)
        losses = dict(
            loss_verb=self.loss_verb(verb, verb_label),
            loss_noun=self.loss_noun(noun, noun_label),
            verb_top1_acc=top_k_accuracy(verb, verb_label, 1),
            noun_top1_acc=top_k_accuracy(noun, noun_label, 1),
        )
        if self.action_pairs is not None:
            scores, action_label = (
                self.action_scores(verb, noun),
                self.action_table[verb_label, noun_label],
            )
            losses['action_top1_acc'] = top_k_accuracy(scores, action_label, 1)
            if self.loss_action_weight:
                # a sum over N, since a mean over no listed pair would be NaN
                nll = F.cross_entropy(scores, action_label, ignore_index=-1, reduction='sum')
                losses['loss_action'] = self.loss_action_weight * nll / len(label)
        return losses

    def action_scores(self, verb: Tensor, noun: Tensor) -> Tensor:
        """(N, A) log-scores of the listed actions from (N, num_verbs) and (N, num_nouns) logits."""
        verbs, nouns = self.action_pairs.unbind(1)
        return verb.float().log_softmax(1)[:, verbs] + noun.float().log_softmax(1)[:, nouns]

    def view_scores(self, feats: Tensor | Sequence[Tensor]) -> dict[str, Tensor]:
        """Activated scores of every view, mean over positions: ``verb`` (NV, num_verbs), ``noun`` (NV, num_nouns)."""
        x = self.dropout(pool_positions(feats, self.pool_size))
        return dict(
            verb=position_scores(self.fc_verb(x), self.activation),
            noun=position_scores(self.fc_noun(x), self.activation),
        )

    def predict_views(self, scores: dict[str, Tensor], data_samples: SampleList) -> SampleList:
        """Set ``pred_score`` (dict of verb and noun scores) and ``pred_label`` (2,) of every sample."""
        verbs, nouns = (
            ensemble_views(scores[part], len(data_samples), self.ensemble)
            for part in ('verb', 'noun')
        )
        for sample, verb, noun in zip(data_samples, verbs, nouns):
            sample.set_pred_score(dict(verb=verb, noun=noun))
            sample.set_pred_label(torch.stack([verb.argmax(), noun.argmax()]))
        return data_samples

    def predict(
        self, feats: Tensor | Sequence[Tensor], data_samples: SampleList, **kwargs
    ) -> SampleList:
        """Predictions from the features of all views at once."""
        return self.predict_views(self.view_scores(feats), data_samples)
