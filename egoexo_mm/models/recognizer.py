"""The recognizer that learns from ego teachers while it trains on third-person video."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from inspect import signature
from typing import Any

from mmaction.models import Recognizer2D, Recognizer3D, ResNet3dSlowFast
from mmaction.registry import MODELS
from mmaction.utils import ConfigType, SampleList
from mmengine.model import ModuleDict
from torch import Tensor

from egoexo_mm.interaction_maps import MapGeometry
from egoexo_mm.models.backbone_presets import feature_tap, preset_of
from egoexo_mm.models.blending import TargetBlending
from egoexo_mm.models.data_preprocessor import EgoExoDataPreprocessor
from egoexo_mm.models.feature_taps import FeatureTap, TapReader
from egoexo_mm.models.heads import EmbeddingDistillHead, InteractionMapHead, ScoreDistillHead
from egoexo_mm.models.heads.base import (
    AuxiliaryHead,
    Scores,
    StockHead,
    ViewHead,
    can_blend,
    view_scorer,
)
from egoexo_mm.models.heads.class_loss import class_head_loss
from egoexo_mm.models.raw_views import RawViews, view_batches
from egoexo_mm.models.teachers import OnlineTeachers
from egoexo_mm.models.view_scoring import join_batches


class AuxiliaryLearning:
    """Auxiliary heads and online teachers of a recognizer; a base beside the host's class.

    Args:
        aux_heads: Name -> config of an :class:`~egoexo_mm.models.heads.AuxiliaryHead`, or of any
            module with ``loss(feats, data_samples) -> dict``. ``in_channels`` of our heads may be
            left out. ``tap`` of a config is as below, for that head alone.
        tap: Where the heads read the backbone, as arguments of
            :class:`~egoexo_mm.models.feature_taps.FeatureTap` that differ from the preset of the
            backbone. The class head always gets the backbone's own output.
        teachers: Field of the data sample -> config of a teacher that makes it inside the training
            step, for the samples that lack it; see :class:`OnlineTeachers`. ``init_weights`` builds
            them, which training calls first.
        teacher_amp: Mixed precision of the teachers, ``'float16'`` or ``'bfloat16'``. None is full
            precision, whatever the recognizer trains in.
        **kwargs: Of the host's recognizer.

    Raises:
        ValueError: If the data preprocessor blends clips (mixup, cutmix) and cannot blend the
            targets of the auxiliary heads.
    """

    def __init__(
        self,
        *,
        aux_heads: dict[str, ConfigType] | None = None,
        tap: ConfigType | None = None,
        teachers: dict[str, ConfigType] | None = None,
        teacher_amp: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        head = getattr(self, 'cls_head', None)
        if type(head).__name__ == 'FeatureHead' and isinstance(self.backbone, ResNet3dSlowFast):
            # clip_feature_extraction.py knows a SlowFast by the name of MMAction2's class alone
            head.backbone_name = 'slowfast'
        taps, heads = {}, {}
        for name, cfg in (aux_heads or {}).items():
            if cfg:
                taps[name], cfg = self._tapped(name, cfg, tap or {})
                heads[name] = MODELS.build(cfg)
        self.aux_heads = ModuleDict(heads)
        self.taps = TapReader({name: one for name, one in taps.items() if one})
        self._tapped_kind = type(self.backbone)
        self._check_blending()
        learned = {
            head.target: name
            for name, head in self.aux_heads.items()
            if isinstance(head, AuxiliaryHead)
        }
        maps = [name for name, head in heads.items() if isinstance(head, InteractionMapHead)]
        first = maps[0] if maps else ''  # of several, CheckTargetsHook compares the others
        geometry = self.map_geometry(learned.get('interaction_map', first))
        names = ('time_stride', 'frame_sampling', 'cell_size')
        self.teachers = OnlineTeachers(
            teachers or {},
            learned=learned,
            amp=teacher_amp,  # not a module: see there
            map_frames={name: getattr(geometry, name) for name in names if geometry},
        )
        if self.teachers.configs and isinstance(self.data_preprocessor, EgoExoDataPreprocessor):
            self.data_preprocessor.keep_raw = True

    def _check_blending(self) -> None:
        blending = getattr(self.data_preprocessor, 'blending', None)
        if blending is None or not len(self.aux_heads):
            return
        if not isinstance(blending, TargetBlending):
            raise ValueError(
                f'model.data_preprocessor.blending is {type(blending).__name__}, which mixes clips '
                'and labels, but not the targets of model.aux_heads '
                f'({", ".join(self.aux_heads)}); set model.data_preprocessor.blending=None, or '
                'model.aux_heads=None to train without targets, or use EgoExoDataPreprocessor, '
                'where MixupBlending, CutmixBlending and RandomBatchAugment mix targets too'
            )
        for name, head in self.aux_heads.items():
            if not can_blend(head):
                raise ValueError(
                    f'model.data_preprocessor.blending mixes clips, but model.aux_heads.{name} '
                    f'({type(head).__name__}) cannot mix its targets; give it and its loss a '
                    'method blend, see AuxiliaryHead, or set model.data_preprocessor.blending=None'
                )

    def _tapped(
        self, name: str, cfg: ConfigType, changes: Mapping[str, Any]
    ) -> tuple[FeatureTap | None, ConfigType]:
        """Tap and complete config of a head.

        An unknown backbone has no tap if the channels are given.
        """
        cfg = dict(cfg)
        changes = {**changes, **(cfg.pop('tap', None) or {})}
        kind = cfg['type'] if isinstance(cfg['type'], type) else MODELS.get(cfg['type'])
        asks = kind is not None and 'in_channels' in signature(kind).parameters
        asks = asks and issubclass(kind, AuxiliaryHead) and cfg.get('in_channels') is None
        if not (asks or changes or preset_of(self.backbone)):
            return None, cfg
        tap = feature_tap(self.backbone, changes, self._frames_in_batch)
        if asks:
            return tap, dict(cfg, in_channels=tap.channels)
        given, has = cfg.get('in_channels'), tap.channels
        own = kind in (EmbeddingDistillHead, ScoreDistillHead, InteractionMapHead) and isinstance(
            given, int
        )
        if own and given not in (sum(has), *has):
            raise ValueError(
                f'model.aux_heads.{name} has in_channels={given}, but '
                f'{type(self.backbone).__name__} has {" and ".join(map(str, has))} there; set '
                'in_channels=None, and the model tells it'
            )
        return tap, cfg

    @property
    def _frames_in_batch(self) -> bool:
        return isinstance(self, Recognizer2D)

    def map_geometry(self, head: str = 'interaction_map') -> MapGeometry | None:
        """Frames and cells of the maps of a head; None where no tap tells."""
        tap = self.taps.taps.get(head)
        if tap is None or type(self.backbone) is not self._tapped_kind:
            return None
        pathway = getattr(self.aux_heads[head], 'pathway', 0)
        return tap.geometry(pathway, join_clips=self._frames_in_batch)

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
            inputs: (N, V, 3, T, H, W) normalised clips, V views a sample; (N, T, 3, H, W) frames of
                a 2D recognizer.
            data_samples: N samples with ``gt_label`` and any of the targets that the heads learn
                (``ego_score``, ``object_score``, ``interaction_map``).
            **kwargs: Not used.

        Returns:
            Named losses and accuracies; their ``loss*`` entries sum to the training loss.

        Raises:
            ValueError: If two heads name a loss alike.
        """
        data_samples = self.fill_targets(inputs, data_samples)
        with self._reading(inputs):
            feats, loss_kwargs = self.extract_feat(inputs, data_samples=data_samples)
            losses = dict(class_head_loss(self.cls_head, feats, data_samples, **loss_kwargs))
            parts = {'neck': loss_kwargs.get('loss_aux', {})}
            parts.update(
                (name, head.loss(self.aux_input(name, feats), data_samples))
                for name, head in self.aux_heads.items()
            )
        for name, part in parts.items():
            twice = sorted(losses.keys() & part.keys())
            if twice:
                raise ValueError(
                    f'{name} names a loss that another head has: {twice}; give one of them another '
                    'loss_name'
                )
            losses.update(part)
        return losses

    def fill_targets(self, inputs: Tensor, data_samples: SampleList) -> SampleList:
        """The samples with every target that an online teacher makes, see :meth:`loss`."""
        return self.teachers.fill(self._clips(inputs), data_samples, self.data_preprocessor)

    def aux_input(self, name: str, feats: Any) -> Any:
        """What an auxiliary head learns from; the only place that decides it.

        Args:
            name: Of the head in ``aux_heads``.
            feats: What ``extract_feat`` returned for the batch, as the class head sees it.
        """
        return self.taps.maps(name, feats)

    def aux_predictions(self, inputs: Tensor | RawViews, name: str) -> Tensor:
        """What an auxiliary head predicts of every view, before its activation.

        Args:
            inputs: As of :meth:`loss`, or raw views.
            name: Of the head in ``aux_heads``.
        """
        with self._reading(inputs):
            feats, _ = self.extract_feat(inputs)
            return self.aux_heads[name](self.aux_input(name, feats))

    def predict(
        self, inputs: Tensor, data_samples: SampleList, aux: Sequence[str] = (), **kwargs: Any
    ) -> SampleList:
        """Predictions of the class head, and on request of auxiliary heads.

        Args:
            inputs: As of :meth:`loss`.
            data_samples: N samples.
            aux: Names of auxiliary heads. ``pred_NAME`` of a sample is then what the head predicts
                of its views (V, ...), before its activation; of a 2D recognizer those of one clip.
            **kwargs: Of the host's ``predict``.
        """
        samples = super().predict(inputs, data_samples, **kwargs)
        for name in aux:
            _set_of_views(samples, name, self.aux_predictions(inputs, name))
        return samples

    @contextmanager
    def _reading(self, inputs: Tensor | RawViews) -> Iterator[None]:
        """Taps are read while the backbone runs."""
        clips = inputs.shape[0] * (1 if self._frames_in_batch else inputs.shape[1])
        clip = (clips, *inputs.shape[-2:])
        with self.taps.reading(self.backbone, clip, self.with_neck):
            yield

    def _clips(self, inputs: Tensor) -> Tensor:
        """(N, V, 3, T, H, W), as online teachers take them."""
        return inputs

    def extract_feat(self, inputs: Tensor | RawViews, *args: Any, **kwargs: Any) -> tuple:
        """Features as of ``Recognizer3D``; raw views are normalised first, all at once."""
        if isinstance(inputs, RawViews):
            inputs = inputs.normalized()
        return super().extract_feat(inputs, *args, **kwargs)


@MODELS.register_module()
class EgoExoRecognizer(AuxiliaryLearning, Recognizer3D):
    """``Recognizer3D`` with auxiliary heads (Ego-Exo, https://arxiv.org/abs/2104.07905).

    One pass of the backbone feeds the class head and every auxiliary head. Testing uses the class
    head alone, so it needs neither targets nor auxiliary compute. ``backbone.*`` and ``cls_head.*``
    are named as in the stock recognizer. All that is added is named ``aux_heads.*``.

    With ``test_cfg=dict(max_testing_views=k)`` the backbone sees k views at a time, of one or
    several samples, and only their scores are kept. The memory for features then does not grow with
    the views of a video.

    The arguments that it adds to ``Recognizer3D`` are those of :class:`AuxiliaryLearning`.
    """

    def predict(
        self,
        inputs: Tensor | RawViews,
        data_samples: SampleList,
        aux: Sequence[str] = (),
        **kwargs: Any,
    ) -> SampleList:
        """Predictions of the class head, in bounded batches of views.

        A :class:`~egoexo_mm.models.heads.ViewHead` and the heads of MMAction2 score the views of
        each batch. A head with a ``predict`` of its own gets the features of all views at once, as
        in ``Recognizer3D``.

        Args:
            inputs: (N, V, 3, T, H, W) normalised clips, V views a sample, or the ``RawViews`` that
                ``EgoExoDataPreprocessor`` left to be cut and normalised here.
            data_samples: N samples.
            aux: Names of auxiliary heads, see :meth:`AuxiliaryLearning.predict`. They read the
                features that the class head reads.
            **kwargs: Of ``Recognizer3D.predict``.

        Raises:
            ValueError: If ``max_testing_views`` is not a whole number from 1.
        """
        head = view_scorer(self.cls_head)
        if head is None:
            return super().predict(inputs, data_samples, aux, **kwargs)
        batches = view_batches(inputs, self.test_cfg)
        parts = [self._view_scores(head, batch, aux) for batch in batches]
        scores, found = join_batches(parts)
        for name, values in found.items():
            _set_of_views(data_samples, name, values)
        return head.predict_views(scores, data_samples)

    def _view_scores(
        self, head: ViewHead | StockHead, views: Tensor, aux: Sequence[str]
    ) -> tuple[Scores, dict[str, Tensor]]:
        """Scores of normalised views (k, 3, T, H, W), and what auxiliary heads say of them.

        The features are freed on return.
        """
        with self._reading(views[None]) if aux else nullcontext():
            feats, head_kwargs = self.extract_feat(views[None], test_mode=True)
            found = {name: self.aux_heads[name](self.aux_input(name, feats)) for name in aux}
        return head.view_scores(feats, **head_kwargs), found


@MODELS.register_module()
class EgoExoRecognizer2D(AuxiliaryLearning, Recognizer2D):
    """``Recognizer2D`` with auxiliary distillation heads: TSN, TSM, TRN, TIN, TANet, TPN on frames.

    Maps are those of the sampled frames, whether they are sampled evenly or densely: a sample has
    the targets of one clip of as many frames. Testing is the host's, with ``fcn_test``,
    ``twice_sample`` and several crops. The arguments that it adds to ``Recognizer2D`` are those of
    :class:`AuxiliaryLearning`.
    """

    def extract_feat(self, inputs: Tensor | RawViews, *args: Any, **kwargs: Any) -> tuple:
        """Features as of ``Recognizer2D``; our class heads are told how many frames a view has."""
        feats, head_kwargs = super().extract_feat(inputs, *args, **kwargs)
        frames = getattr(self.backbone, 'num_segments', None)
        if frames and isinstance(getattr(self, 'cls_head', None), ViewHead) and not self.with_neck:
            # the host's number counts the frames of all crops
            halves = getattr(self.backbone, 'temporal_pool', False)
            head_kwargs['num_segs'] = frames // 2 if halves else frames
        return feats, head_kwargs

    def _clips(self, inputs: Tensor) -> Tensor:
        """(N, T, 3, H, W) frames as (N, 1, 3, T, H, W)."""
        return inputs.transpose(1, 2)[:, None]


def _set_of_views(data_samples: SampleList, name: str, values: Tensor) -> None:
    """Share out (N * V, ...) predictions of views, as ``pred_NAME`` (V, ...) of N samples."""
    for sample, own in zip(data_samples, values.unflatten(0, (len(data_samples), -1))):
        sample.set_field(own, f'pred_{name}')
