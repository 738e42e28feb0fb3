"""The recognizer that learns from ego teachers while it trains on third-person video."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from mmaction.models import Recognizer3D
from mmaction.registry import MODELS
from mmaction.utils import ConfigType, SampleList
from mmengine.model import ModuleDict
from torch import Tensor

from egoexo_mm.models.data_preprocessor import EgoExoDataPreprocessor
from egoexo_mm.models.heads.base import AuxiliaryHead, Scores, StockHead, ViewHead, view_scorer
from egoexo_mm.models.heads.class_loss import class_head_loss
from egoexo_mm.models.raw_views import RawViews
from egoexo_mm.models.teachers import OnlineTeachers
from egoexo_mm.models.view_scoring import join_batches


@MODELS.register_module()
class EgoExoRecognizer(Recognizer3D):
    """``Recognizer3D`` with auxiliary heads (Ego-Exo, https://arxiv.org/abs/2104.07905).

    One pass of the backbone feeds the class head and every auxiliary head. Testing uses the class
    head alone, so it needs neither targets nor auxiliary compute. ``backbone.*`` and ``cls_head.*``
    are named as in the stock recognizer. All that is added is named ``aux_heads.*``.

    With ``test_cfg=dict(max_testing_views=k)`` the backbone sees k views at a time, of one or
    several samples, and only their scores are kept. The memory for features then does not grow with
    the views of a video.

    Args:
        aux_heads: Name -> config of an :class:`~egoexo_mm.models.heads.AuxiliaryHead`, or of any
            module with ``loss(feats, data_samples) -> dict``.
        teachers: Field of the data sample -> config of a teacher that makes it inside the training
            step, for the samples that lack it; see :class:`OnlineTeachers`. ``init_weights`` builds
            them, which training calls first.
        teacher_amp: Mixed precision of the teachers, ``'float16'`` or ``'bfloat16'``. None is full
            precision, whatever the recognizer trains in.
        **kwargs: Of ``Recognizer3D``.

    Raises:
        ValueError: If the data preprocessor blends clips (mixup, cutmix) and there are auxiliary
            heads.
    """

    def __init__(
        self,
        *,
        aux_heads: dict[str, ConfigType] | None = None,
        teachers: dict[str, ConfigType] | None = None,
        teacher_amp: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.aux_heads = ModuleDict(
            {name: MODELS.build(cfg) for name, cfg in (aux_heads or {}).items() if cfg}
        )
        blending = getattr(self.data_preprocessor, 'blending', None)
        if blending is not None and len(self.aux_heads):
            raise ValueError(
                f'model.data_preprocessor.blending is {type(blending).__name__}, which mixes clips '
                'and labels, but not the targets of model.aux_heads '
                f'({", ".join(self.aux_heads)}); set model.data_preprocessor.blending=None, or '
                'model.aux_heads=None to train without targets'
            )
        heads = self.aux_heads.values()
        self.teachers = OnlineTeachers(  # not a module, see its docstring
            teachers or {},
            learned=[head.target for head in heads if isinstance(head, AuxiliaryHead)],
            amp=teacher_amp,
            map_frames=self.map_frames(),
        )
        if self.teachers.configs and isinstance(self.data_preprocessor, EgoExoDataPreprocessor):
            self.data_preprocessor.keep_raw = True

    def map_frames(self) -> dict[str, Any]:
        """``time_stride`` and ``frame_sampling`` of the backbone's map, where it states them."""
        settings = dict(time_stride='resample_rate', frame_sampling='slow_sampling')
        stated = {name: getattr(self.backbone, own, None) for name, own in settings.items()}
        return {name: value for name, value in stated.items() if value}

    def init_weights(self) -> None:
        """Initial weights; teachers are built and read their checkpoints."""
        super().init_weights()
        self.teachers.build(next(self.parameters()).device)

    def _apply(self, fn: Callable[[Tensor], Tensor], *args: Any, **kwargs: Any) -> EgoExoRecognizer:
        """Teachers follow to devices."""
        super()._apply(fn, *args, **kwargs)
        self.teachers.apply(fn)
        return self

    def loss(self, inputs: Tensor, data_samples: SampleList, **kwargs: Any) -> dict[str, Tensor]:
        """Losses of the class head and of every auxiliary head.

        Args:
            inputs: (N, V, 3, T, H, W) normalised clips, V views a sample.
            data_samples: N samples with ``gt_label`` and any of ``ego_score``, ``object_score``,
                ``interaction_map``.
            **kwargs: Not used.

        Returns:
            Named losses and accuracies; their ``loss*`` entries sum to the training loss.

        Raises:
            ValueError: If two heads name a loss alike.
        """
        data_samples = self.teachers.fill(inputs, data_samples, self.data_preprocessor)
        feats, loss_kwargs = self.extract_feat(inputs, data_samples=data_samples)
        losses = dict(class_head_loss(self.cls_head, feats, data_samples, **loss_kwargs))
        parts = {'neck': loss_kwargs.get('loss_aux', {})}
        for name, head in self.aux_heads.items():
            parts[name] = head.loss(self.aux_input(name, feats), data_samples)
        for name, part in parts.items():
            twice = sorted(losses.keys() & part.keys())
            if twice:
                raise ValueError(
                    f'{name} names a loss that another head has: {twice}; give one of them another '
                    'loss_name'
                )
            losses.update(part)
        return losses

    def aux_input(self, name: str, feats: Any) -> Any:
        """What an auxiliary head learns from; the only place that decides it.

        Args:
            name: Of the head in ``aux_heads``.
            feats: What ``extract_feat`` returned for the batch, as the class head sees it.
        """
        return feats

    def extract_feat(self, inputs: Tensor | RawViews, *args: Any, **kwargs: Any) -> tuple:
        """Features as of ``Recognizer3D``; raw views are normalised first, all at once."""
        if isinstance(inputs, RawViews):
            inputs = inputs.normalized()
        return super().extract_feat(inputs, *args, **kwargs)

    def predict(
        self, inputs: Tensor | RawViews, data_samples: SampleList, **kwargs: Any
    ) -> SampleList:
        """Predictions of the class head, in bounded batches of views.

        A :class:`~egoexo_mm.models.heads.ViewHead` and the heads of MMAction2 score the views of
        each batch. A head with a ``predict`` of its own gets the features of all views at once, as
        in ``Recognizer3D``.

        Args:
            inputs: (N, V, 3, T, H, W) normalised clips, V views a sample, or the ``RawViews`` that
                ``EgoExoDataPreprocessor`` left to be cut and normalised here.
            data_samples: N samples.
            **kwargs: Of ``Recognizer3D.predict``.

        Raises:
            ValueError: If ``max_testing_views`` is not a whole number from 1.
        """
        head = view_scorer(self.cls_head)
        if head is None:
            return super().predict(inputs, data_samples, **kwargs)
        limit = (self.test_cfg or {}).get('max_testing_views') or None
        if limit is not None and (not isinstance(limit, int) or limit < 1):
            raise ValueError(
                f'max_testing_views must be a whole number from 1 or None (no limit), got {limit!r}'
            )
        if isinstance(inputs, RawViews):
            batches = inputs.batches(limit)
        else:
            views = inputs.flatten(0, 1)
            batches = views.split(limit or len(views))
        scores = join_batches([self._view_scores(head, batch) for batch in batches])
        return head.predict_views(scores, data_samples)

    def _view_scores(self, head: ViewHead | StockHead, views: Tensor) -> Scores:
        """Scores of normalised views (k, 3, T, H, W); their features are freed on return."""
        feats, head_kwargs = self.extract_feat(views[None], test_mode=True)
        return head.view_scores(feats, **head_kwargs)
