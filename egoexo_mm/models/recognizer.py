"""The recognizer that learns from ego teachers while it trains on third-person video."""
from __future__ import annotations

from mmaction.models import Recognizer3D
from mmaction.registry import MODELS
from mmaction.utils import ConfigType, SampleList
from mmengine.model import ModuleDict
from torch import Tensor


@MODELS.register_module()
class EgoExoRecognizer(Recognizer3D):
    """``Recognizer3D`` with auxiliary distillation heads (Ego-Exo, https://arxiv.org/abs/2104.07905).

    One pass of the backbone feeds the class head and every auxiliary head. Testing uses the class head alone, so neither
    targets nor auxiliary compute are needed. ``backbone.*`` and ``cls_head.*`` are named as in the stock recognizer; all
    that is added lives under ``aux_heads.*``.

    Args:
        aux_heads: name -> config of a head with ``loss(feats, data_samples) -> dict``.
        **kwargs: of ``Recognizer3D``.
    """

    def __init__(self, *, aux_heads: dict[str, ConfigType] | None = None, **kwargs) -> None:
        super().__init__(**kwargs)
        self.aux_heads = ModuleDict({name: MODELS.build(cfg) for name, cfg in (aux_heads or {}).items() if cfg})

    def loss(self, inputs: Tensor, data_samples: SampleList, **kwargs) -> dict[str, Tensor]:
        """Losses of the class head and of every auxiliary head.

        Args:
            inputs: (N, V, 3, T, H, W) normalised clips, V views a sample.
            data_samples: N samples with ``gt_label`` and any of ``ego_score``, ``object_score``, ``interaction_map``.

        Returns:
            Named losses and accuracies; their ``loss*`` entries sum to the training loss.

        Raises:
            ValueError: if two heads name a loss alike.
        """
        feats, loss_kwargs = self.extract_feat(inputs, data_samples=data_samples)
        losses = dict(self.cls_head.loss(feats, data_samples, **loss_kwargs))
        parts = {'neck': loss_kwargs.get('loss_aux', {})}
        parts.update((name, head.loss(feats, data_samples)) for name, head in self.aux_heads.items())
        for name, part in parts.items():
            if losses.keys() & part.keys():
                raise ValueError(f'{name} names a loss that another head has: {sorted(losses.keys() & part.keys())}; '
                                 'give one of them another loss_name')
            losses.update(part)
        return losses
