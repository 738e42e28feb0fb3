"""Self-supervised pre-training on unlabelled clips: SimSiam (https://arxiv.org/abs/2011.10566).

Legend: ``N`` clips, ``D`` channels of a feature, ``E`` of an embedding.
"""

from __future__ import annotations

import copy

import torch
import torch.nn.functional as F
from mmaction.models import Recognizer3D
from mmaction.registry import MODELS, TRANSFORMS
from mmaction.utils import SampleList
from mmcv.transforms import BaseTransform, Compose
from torch import Tensor, nn

from egoexo_mm.models.distillation_maths import pool_features


@MODELS.register_module(force=True)
class SimSiamRecognizer(Recognizer3D):
    """A backbone that learns to embed two views of a clip alike, without labels.

    The loss is that of the paper's equation 2, with its projector (three layers with batch norm)
    and predictor (two layers, a quarter as wide between them). Only the backbone is of use later.

    Args:
        in_channels: D, of the pooled feature that the class head of the backbone sees.
        embed_dims: E.
        **kwargs: Of ``Recognizer3D``; there is no class head.
    """

    def __init__(self, *, in_channels: int, embed_dims: int = 128, **kwargs) -> None:
        super().__init__(**kwargs)
        wide, narrow = embed_dims, embed_dims // 4
        self.projector = nn.Sequential(
            *_hidden(in_channels, wide),
            *_hidden(wide, wide),
            nn.Linear(wide, wide, bias=False),
            nn.BatchNorm1d(wide, affine=False),
        )
        self.predictor = nn.Sequential(*_hidden(wide, narrow), nn.Linear(narrow, wide))

    def loss(self, inputs: Tensor, data_samples: SampleList, **kwargs) -> dict[str, Tensor]:
        """The loss, and the spread of the embeddings, which is 0 if all clips look alike to it.

        Args:
            inputs: (N, 2, 3, T, H, W) two normalised views of each clip.
            data_samples: Not used.
            **kwargs: Not used.
        """
        feats, _ = self.extract_feat(inputs, stage='backbone')
        embedded = self.projector(pool_features(feats))  # (2 N, E), views of a clip in turn
        predicted = self.predictor(embedded)
        embedded = F.normalize(embedded.detach(), dim=1)
        likeness = F.cosine_similarity(predicted, _other_view(embedded), dim=1)
        # of unit vectors spread over the whole sphere, times the root of E, it is 1
        spread = embedded.std(0).mean() * embedded.shape[1] ** 0.5
        return dict(loss_simsiam=-likeness.mean(), embedding_spread=spread)


def _hidden(channels: int, wide: int) -> list[nn.Module]:
    return [nn.Linear(channels, wide, bias=False), nn.BatchNorm1d(wide), nn.ReLU(inplace=True)]


def _other_view(rows: Tensor) -> Tensor:
    """(2 N, E) with both rows of every clip exchanged."""
    return rows.unflatten(0, (-1, 2)).flip(1).flatten(0, 1)


@TRANSFORMS.register_module(force=True)
class TwoViews(BaseTransform):
    """Run the same random transforms twice, and stack both ``inputs`` as views of one sample.

    Args:
        transforms: They end with ``PackActionInputs``; the data sample is that of the first view.
    """

    def __init__(self, transforms: list[dict]) -> None:
        self.transforms = Compose(transforms)

    def transform(self, results: dict) -> dict:
        """The packed sample, its ``inputs`` with the views of both runs."""
        first, second = (self.transforms(copy.copy(results)) for _ in range(2))
        return dict(first, inputs=torch.cat([first['inputs'], second['inputs']]))
