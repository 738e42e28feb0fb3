"""``EgoExoInferencer``: a config, a checkpoint, and videos of any length."""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmaction.models import Recognizer2D
from mmaction.registry import INFERENCERS, MODELS
from mmaction.structures import ActionDataSample
from mmaction.utils import ConfigType
from mmengine.config import Config
from mmengine.dataset import pseudo_collate
from mmengine.infer import BaseInferencer
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from egoexo_mm.checkpoints.reading import read_checkpoint, unwrapped
from egoexo_mm.checks import check_choice, first_line
from egoexo_mm.engine.check_weights_hook import check_weights
from egoexo_mm.interaction_maps import KINDS
from egoexo_mm.models.distillation_maths import pool_features
from egoexo_mm.models.heads import VerbNounHead
from egoexo_mm.models.heads.base import score_activation
from egoexo_mm.models.heads.interaction_map_head import map_loss_name
from egoexo_mm.models.raw_views import RawViews, view_batches
from egoexo_mm.progress import track
from egoexo_mm.shipped import PREFIX, config_path
from egoexo_mm.video import BrokenVideoError
from egoexo_mm.video.times import frame_at
from egoexo_mm.visualization import write_mp4, write_png
from egoexo_mm.visualization.predictions import prediction_sheet

from .answers import HeadFacts, best_classes, clock
from .class_names import Classes, find_names
from .clips import ClipPipeline, Clips, Failure, failure_of, load_batches, test_pipeline
from .film import SampleMaps, evenly, film, frame_rate, keep_some, short_name
from .sources import InputType, Source, check_drawn, drawn_bases, find_sources
from .writing import FeatureFile, PredictionFiles

MAPS = 'interaction_map'  # head of the maps in ``model.aux_heads``
_SHEET = 6  # pictures of a PNG


@INFERENCERS.register_module(name='egoexo')
@INFERENCERS.register_module()
class EgoExoInferencer(BaseInferencer):
    """Predictions of a recognizer for videos, folders of frames and arrays.

    The views are those of the config's test pipeline, so scores equal those of ``tools/test.py``.
    Recognizers of MMAction2 and of this package are taken, with one label, several labels (sigmoid)
    or verb and noun, or without a class head for features alone.

    Args:
        model: Config, its file, or ``egoexo_mm::NAME`` of a shipped one.
        weights: Checkpoint: of training, or stripped, or ``.safetensors``. Nothing in it is run.
        device: ``'cpu'``, ``'cuda:0'``; None is the best that there is.
        classes: Names of the classes in the order of their ids, or a file of them (a text file with
            a name a line, or a CSV file of EPIC-KITCHENS or Ego-Exo4D), or for verb and noun
            ``dict(verb=..., noun=...)`` of such. By default those of the config's data set
            (``metainfo``) or of the checkpoint.
        amp: Mixed precision, ``'float16'`` or ``'bfloat16'``: faster where the device has it, and
            scores differ in the third digit. None is full precision.
        scope: Of the registry.
        show_progress: Print a line of progress every few seconds.

    Attributes:
        failures: Sources of the last call that could not be read, or not to their end, could not be
            drawn, or got scores that are not finite.
        maps_missing: Why there are no maps to draw; empty where there are.

    Raises:
        ValueError: There is no such device, the config has no test pipeline, or the checkpoint or
            the names do not fit it.

    Examples:
        >>> inferencer = EgoExoInferencer('config.py', 'epoch_16.pth')
        >>> inferencer('clip.mp4')['predictions'][0]['labels'][0]
        {'id': 3, 'name': 'cut onion', 'score': 0.83}
    """

    preprocess_kwargs = {'num_workers', 'window', 'stride'}
    forward_kwargs = {'features', 'maps'}
    visualize_kwargs = {'draw', 'return_vis', 'draw_stride'}
    postprocess_kwargs = {'top_k', 'scores', 'out', 'features_out'}

    def __init__(
        self,
        model: ConfigType | str,
        weights: str | None = None,
        device: str | None = None,
        classes: Classes = None,
        amp: str | None = None,
        scope: str = 'mmaction',
        show_progress: bool = False,
    ) -> None:
        if model is None:
            raise ValueError('give a config; the one in a checkpoint is Python code and is not run')
        if isinstance(model, str) and model.startswith(PREFIX):
            model = str(config_path(model))
        check_choice('amp', amp, (None, 'float16', 'bfloat16'))
        self.amp = amp and getattr(torch, amp)
        _check_device(device)
        init_default_scope(scope)
        self.failures: list[Failure] = []
        self._meta: Mapping[str, Any] = {}
        self.maps_missing = ''
        super().__init__(
            model=model, weights=weights, device=device, scope=scope, show_progress=show_progress
        )
        self.head = _head_facts(getattr(self.model, 'cls_head', None))
        self.names = find_names(self.head.counts, classes, self.cfg, self._meta)

    # ---- parts of BaseInferencer that are made once

    def _init_model(self, cfg: Config, weights: str | None, device: str = 'cpu') -> nn.Module:
        if cfg.model.get('backbone', {}).get('pretrained'):
            cfg.model.backbone.pretrained = None  # the checkpoint has all weights
        model = MODELS.build(cfg.model)
        model.cfg = cfg
        checkpoint = None if weights is None else _read(weights)
        self._load_weights_to_model(model, checkpoint, cfg, str(weights))
        return model.to(device).eval()

    def _load_weights_to_model(
        self, model: nn.Module, checkpoint: dict | None, cfg: Config, name: str = 'the checkpoint'
    ) -> None:
        if MAPS not in getattr(model, 'aux_heads', {}):
            self.maps_missing = 'the config has no head that predicts maps'
        elif model.map_geometry(MAPS) is None:
            self.maps_missing = f'nothing tells which frames model.aux_heads.{MAPS} shows; set tap'
        if checkpoint is None:
            super()._load_weights_to_model(model, None, cfg)
            return
        meta = checkpoint.get('meta')
        state, _ = unwrapped(checkpoint.get('state_dict', checkpoint), name)
        checkpoint = dict(checkpoint, state_dict=state) if 'state_dict' in checkpoint else state
        misfit = check_weights(model, checkpoint, name)
        if not self.maps_missing and misfit.within((f'aux_heads.{MAPS}.',)):
            self.maps_missing = (
                f'{name} has no weights of aux_heads.{MAPS}, it was stripped or trained without '
                'maps; take the checkpoint of training'
            )
        model.load_state_dict(
            {key: value for key, value in state.items() if key not in misfit.shapes}, strict=False
        )
        self._meta = meta if isinstance(meta, Mapping) else {}

    def _init_pipeline(self, cfg: Config) -> ClipPipeline:
        return ClipPipeline(test_pipeline(cfg))

    def _init_collate(self, cfg: Config) -> Any:
        return pseudo_collate

    def _init_visualizer(self, cfg: Config) -> None:
        return None

    # ---- maps

    def map_kinds(self) -> dict[int, str]:
        """Channel of the predicted maps -> its name, of those that were learned.

        Raises:
            ValueError: The model predicts no maps; the message says why.
        """
        if self.maps_missing:
            raise ValueError(f'no maps to draw: {self.maps_missing}')
        head = self.model.aux_heads[MAPS]
        found = {}
        for channel, kind in enumerate(getattr(head, 'kinds', KINDS)):
            loss = getattr(head, map_loss_name(kind), None)
            if getattr(loss, 'loss_weight', 1):  # of 0 it stays at random
                found[channel] = kind
        return found

    @property
    def has_maps(self) -> bool:
        """Whether the model predicts maps that can be drawn."""
        return not self.maps_missing

    # ---- the steps of the protocol

    def __call__(
        self,
        inputs: InputType | Sequence[InputType],
        return_datasamples: bool = False,
        batch_size: int | None = None,
        *,
        fps: float = 0.0,
        **kwargs: Any,
    ) -> dict:
        """Predict.

        Args:
            inputs: One or several of: a video, a folder of frames or of videos, a list, an array
                (T, H, W, 3) uint8 RGB, a ``Source``; see :func:`.find_sources`.
            return_datasamples: ``predictions`` are data samples (``pred_score``) and not dicts.
            batch_size: Videos (or windows) that the model sees at once, also of several videos;
                by default that of the config's test.
            fps: Frame rate of folders of frames and of arrays, 0 where unknown.
            **kwargs: ``window`` and ``stride`` (seconds of a sliding window),
                ``num_workers`` (processes that decode);
                ``features`` (keep pooled features), ``maps`` (keep predicted maps);
                ``draw`` (folder for an mp4 and a PNG of each video), ``draw_stride`` (every so many
                frames), ``return_vis`` (pictures as arrays);
                ``top_k`` (classes in a dict, 5), ``scores`` (all scores in a dict), ``out`` (folder
                for ``predictions.jsonl``, ``.csv`` and ``failed.jsonl``), ``features_out`` (file of
                features, ``.npz`` or ``.parquet``).

        Returns:
            ``predictions``, one for each video or window in order; ``visualization``, a sheet of
            pictures for each video (H, W, 3) with ``return_vis`` (None where a frame of it
            cannot be read), else None; ``failures``.
        """
        if kwargs.get('features_out'):
            kwargs['features'] = True
        if kwargs.get('draw') or kwargs.get('return_vis'):
            kwargs['maps'] = kwargs.get('maps', self.has_maps)
        before, model, drawing, after = self._dispatch_kwargs(**kwargs)
        own = [folder for folder in (drawing.get('draw'), after.get('out')) if folder]
        sources = self._inputs_to_list(inputs, fps, own)
        if drawing.get('draw'):
            drawn_bases(sources, drawing['draw'])  # refuses before anything is predicted
        if after.get('out'):
            PredictionFiles.check(after['out'])
        samples: Iterable[ActionDataSample] = self.stream(sources, batch_size, **before, **model)
        if self.show_progress:
            samples = track(samples, None, 'predicted')
        samples = list(samples)
        pictures = self.visualize(sources, samples, **drawing)
        return self.postprocess(samples, pictures, return_datasamples, **after)

    def stream(
        self,
        sources: Sequence[Source],
        batch_size: int | None = None,
        *,
        features: bool = False,
        maps: bool = False,
        **kwargs: Any,
    ) -> Iterator[ActionDataSample]:
        """Samples one after the other, in flat memory however long the videos are.

        Args:
            sources: Of :func:`.find_sources`.
            batch_size: See :meth:`__call__`.
            features: Samples have ``feature`` (D,).
            maps: Samples have ``pred_interaction_map`` (V, 2, T, h, w), before the sigmoid.
            **kwargs: Of :meth:`preprocess`.

        Samples whose scores or feature are not finite become failures, one of each source.

        Yields:
            Samples with ``pred_score`` and metainfo ``source`` (number), ``video``, ``start`` and
            ``end`` in seconds.
        """
        diverged: set[int] = set()
        for batch in self.preprocess(sources, batch_size, views=maps, **kwargs):
            for sample in self.forward(batch, features=features, maps=maps):
                if _is_finite(sample):
                    yield sample
                elif sample.source not in diverged:
                    diverged.add(sample.source)
                    self.failures.append(self._not_finite(sample))

    def _not_finite(self, sample: ActionDataSample) -> Failure:
        cause, remedy = 'the model diverged', 'with another checkpoint'
        if self.amp:
            cause = f'half precision overflowed, or {cause}'
            remedy = f'in full precision (without --amp), or {remedy}'
        return Failure(
            sample.video,
            f'scores of {clock(sample.start)} - {clock(sample.end)} are NaN or infinite: {cause}; '
            f'predict {remedy}',
        )

    def _inputs_to_list(
        self,
        inputs: InputType | Sequence[InputType],
        fps: float = 0.0,
        leave: Collection[str | Path] = (),
    ) -> list[Source]:
        return find_sources(inputs, fps, leave)

    def preprocess(
        self,
        inputs: Sequence[Source],
        batch_size: int | None = None,
        *,
        num_workers: int | None = None,
        window: float | None = None,
        stride: float | None = None,
        views: bool = False,
    ) -> Iterator[list[dict]]:
        """Packed samples of videos or windows, in lists of ``batch_size``.

        Args:
            inputs: Sources.
            batch_size: See :meth:`__call__`.
            num_workers: Processes that decode; by default as many as in the config's test, none for
                a single video.
            window: Seconds of a sliding window; None predicts a video as a whole.
            stride: Seconds from one window to the next; by default those of a window.
            views: Samples know their views, as drawing needs.
        """
        self.failures = []
        loader = self.cfg.get('test_dataloader') or {}
        if num_workers is None:
            several = len(inputs) > 1 or window is not None
            num_workers = loader.get('num_workers', 0) if several else 0
        pipeline = ClipPipeline(test_pipeline(self.cfg), views) if views else self.pipeline
        batches = load_batches(
            Clips(inputs, pipeline),
            batch_size=batch_size or loader.get('batch_size') or 1,
            num_workers=num_workers,
            window=window,
            stride=stride,
        )
        for batch in batches:
            for failure in batch:
                if isinstance(failure, Failure) and failure not in self.failures:
                    self.failures.append(failure)
            packed = [sample for sample in batch if not isinstance(sample, Failure)]
            if packed:
                yield packed

    @torch.no_grad()
    def forward(
        self, inputs: Sequence[dict], features: bool = False, maps: bool = False
    ) -> list[ActionDataSample]:
        """Predict packed samples; those of other sizes go through the model on their own.

        Args:
            inputs: Packed samples.
            features: See :meth:`stream`.
            maps: See :meth:`stream`.
        """
        found = []
        kind = next(self.model.parameters()).device.type
        with torch.autocast(kind, self.amp, enabled=self.amp is not None):
            for _, same in itertools.groupby(inputs, key=_shapes):
                found += self._forward_batch(self.collate_fn(list(same)), features, maps)
        return [_on_host(sample) for sample in found]

    def _forward_batch(self, batch: dict, features: bool, maps: bool) -> list[ActionDataSample]:
        data = self.model.data_preprocessor(batch, False)
        samples = data['data_samples']
        layers = [part for part in _modules(self.model) if isinstance(part, nn.Linear)]
        if not self.head.counts or features and not layers:
            _set_features(samples, self._pooled(data['inputs']))
        if not self.head.counts:
            return samples
        rows: list[Tensor] = []
        with ExitStack() as stack:
            if features and layers:
                # What the class head classifies: the input of its last linear layer.
                hook = layers[-1].register_forward_pre_hook(lambda _, args: rows.append(args[0]))
                stack.callback(hook.remove)
            more = dict(aux=(MAPS,)) if maps else {}
            samples = self.model(**data, mode='predict', **more)
        if rows:
            # (NV, D), or (NV, P, D) at several positions
            _set_features(
                samples, torch.cat([x.flatten(1, -2).mean(1) if x.dim() > 2 else x for x in rows])
            )
        return samples

    def _pooled(self, inputs: Tensor | RawViews) -> Tensor:
        """(NV, D) features of views, which the backbone of a 3D recognizer sees in batches."""
        batches = [inputs]
        if not isinstance(self.model, Recognizer2D):
            batches = (views[None] for views in view_batches(inputs, self.model.test_cfg))
        feats = (self.model.extract_feat(batch, test_mode=True)[0] for batch in batches)
        return torch.cat([pool_features(x) for x in feats])

    def row(self, sample: ActionDataSample, top_k: int = 5, scores: bool = False) -> dict[str, Any]:
        """What JSON Lines say of a sample.

        Args:
            sample: Of :meth:`stream`.
            top_k: Classes of each kind.
            scores: Also all scores, as ``scores``.

        Returns:
            ``video``, ``start``, ``end``, and the best classes, see :func:`.best_classes`.
        """
        row = dict(video=sample.video, start=round(sample.start, 3), end=round(sample.end, 3))
        row.update(best_classes(sample, self.head, self.names, top_k))
        if scores and self.head.counts:
            found = sample.pred_score
            row['scores'] = (
                {part: one.tolist() for part, one in found.items()}
                if isinstance(found, Mapping)
                else found.tolist()
            )
        return row

    def visualize(
        self,
        inputs: Sequence[Source],
        preds: Iterable[ActionDataSample],
        draw: str | Path | None = None,
        return_vis: bool = False,
        draw_stride: int = 1,
        **kwargs: Any,
    ) -> list[np.ndarray | None] | None:
        """Draw the videos with their labels, and the maps that samples have.

        Args:
            inputs: Sources.
            preds: Their samples, in order; they are taken as they are needed.
            draw: Folder for ``NAME.mp4`` and ``NAME.png`` of each video.
            return_vis: Return a sheet of pictures of each video.
            draw_stride: Draw every so many frames.
            **kwargs: Not used.

        Raises:
            ValueError: What is drawn would replace a source.
        """
        if not draw and not return_vis:
            return None
        bases = drawn_bases(inputs, draw) if draw else [None] * len(inputs)
        sheets = []
        for number, samples in itertools.groupby(preds, key=lambda sample: sample.source):
            answers = ((self.row(sample), sample) for sample in samples)
            sheet = self.draw(inputs[number], answers, bases[number], draw_stride)
            sheets += [sheet] * return_vis
        return sheets if return_vis else None

    def draw(
        self,
        source: Source,
        answers: Iterable[tuple[Mapping[str, Any], ActionDataSample]],
        base: Path | None,
        stride: int = 1,
    ) -> np.ndarray | None:
        """Write a film and a sheet of pictures of one source.

        Args:
            source: What is drawn.
            answers: Rows and their samples, in order; they are taken as they are needed.
            base: Path of the files without their suffix; None writes no file.
            stride: Draw every so many frames.

        Returns:
            The sheet (H, W, 3). None, and an entry of ``failures``, where a frame cannot be read (a
            film shows frames that the model has not looked at) or the film cannot be written.

        Raises:
            ValueError: The film would replace the source.
        """
        check_drawn([source], [Path(base)] if base else [])
        others: list[Exception] = []  # of predicting, which is no fault of the film

        def placed() -> Iterator[tuple[Mapping[str, Any], SampleMaps | None]]:
            try:
                for row, sample in answers:
                    yield row, self._placed(sample)
            except Exception as error:
                others.append(error)
                raise

        try:
            return self._draw(source, placed(), base, stride)
        except (BrokenVideoError, ValueError) as error:
            if others:
                raise
            self.failures.append(failure_of(source, error, 'is not drawn: '))
            return None

    def _draw(
        self,
        source: Source,
        answers: Iterable[tuple[Mapping[str, Any], SampleMaps | None]],
        base: Path | None,
        stride: int,
    ) -> np.ndarray:
        kinds = self.map_kinds() if self.has_maps else {}
        reader = source.open()
        first = int(np.searchsorted(reader.times, source.start - 1e-6))
        last = len(reader)
        if source.end is not None:
            last = int(np.searchsorted(reader.times, source.end))
        # a part between two frames has the one in sight
        shown = range(first, last, stride) or [int(frame_at(reader.times, source.start))]
        pictures = film(source, reader, shown, answers, kinds)
        kept: list[np.ndarray] = []
        pictures = keep_some(pictures, evenly(len(shown), _SHEET), kept)
        if base is None:
            for _ in pictures:
                pass
        else:
            write_mp4(f'{base}.mp4', pictures, frame_rate(reader, stride))
        sheet = prediction_sheet(kept, f'{short_name(source)}   {len(reader)} frames')
        if base is not None:
            write_png(f'{base}.png', sheet)
        return sheet

    def _placed(self, sample: ActionDataSample) -> SampleMaps | None:
        if f'pred_{MAPS}' not in sample or 'view_scale' not in sample:
            return None
        maps = sample.get(f'pred_{MAPS}').float().sigmoid().numpy()
        return SampleMaps(sample, maps, self.model.map_geometry(MAPS))

    def postprocess(
        self,
        preds: Sequence[ActionDataSample],
        visualization: list[np.ndarray] | None = None,
        return_datasample: bool = False,
        *,
        top_k: int = 5,
        scores: bool = False,
        out: str | Path | None = None,
        features_out: str | Path | None = None,
        **kwargs: Any,
    ) -> dict:
        """Dicts of the samples, and files of them; see :meth:`__call__`."""
        rows = [self.row(sample, top_k, scores) for sample in preds]
        with ExitStack() as stack:
            if features_out:
                file = stack.enter_context(FeatureFile(features_out))
                for row, sample in zip(rows, preds):
                    file.add(row, sample.feature.numpy())
            if out:
                files = stack.enter_context(PredictionFiles(out))
                for row in rows:
                    files.add(row)
                for failure in self.failures:
                    files.fail(Path(failure.path).stem, failure.path, failure.reason)
        return dict(
            predictions=list(preds) if return_datasample else rows,
            visualization=visualization,
            failures=list(self.failures),
        )


def _check_device(device: str | None) -> None:
    """Refuse one that is not here, before a model is built for it."""
    try:
        torch.empty(0, device=device)
    except Exception as error:  # torch has several kinds
        there = ' or '.join(['cpu', *(f'cuda:{i}' for i in range(torch.cuda.device_count()))])
        raise ValueError(
            f'device {device!r} cannot be used here ({first_line(error)}); give {there}'
        ) from None


def _read(weights: str) -> dict:
    """A checkpoint; MMEngine fetches those that are not on this disk."""
    if '://' not in str(weights):
        return read_checkpoint(os.path.expanduser(weights))
    from mmengine.runner.checkpoint import _load_checkpoint

    return _load_checkpoint(weights, map_location='cpu')


def _head_facts(head: nn.Module | None) -> HeadFacts:
    if head is None:
        return HeadFacts({})
    if isinstance(head, VerbNounHead):
        counts = dict(verb=head.fc_verb.out_features, noun=head.fc_noun.out_features)
        return HeadFacts(counts, logits=score_activation(head) is None)
    classes = getattr(head, 'num_classes', None)
    activation = score_activation(head)
    several = activation == 'sigmoid' or bool(getattr(head, 'multi_class', False))
    return HeadFacts(dict(label=classes) if classes else {}, activation is None, several)


def _modules(model: nn.Module) -> list[nn.Module]:
    head = getattr(model, 'cls_head', None)
    return [] if head is None else list(head.modules())


def _shapes(packed: dict) -> tuple:
    inputs = packed['inputs']
    if isinstance(inputs, Tensor):
        return tuple(inputs.shape)
    # of FormatViews; frames may be of any size, views may not
    sides = inputs['crops'][:, 2:] - inputs['crops'][:, :2]
    return (len(sides), tuple(sides[0].tolist()), *inputs['clip_frames'].shape)


def _is_finite(sample: ActionDataSample) -> bool:
    scores = sample.get('pred_score')
    values = [*scores.values()] if isinstance(scores, Mapping) else [scores]
    values.append(sample.get('feature'))
    return all(bool(value.isfinite().all()) for value in values if value is not None)


def _on_host(sample: ActionDataSample) -> ActionDataSample:
    """The sample in host memory, its scores in full precision."""
    sample = sample.cpu()
    scores = sample.get('pred_score')
    if isinstance(scores, Mapping):
        sample.set_pred_score({part: one.float() for part, one in scores.items()})
    elif scores is not None:
        sample.set_pred_score(scores.float())
    return sample


def _set_features(samples: Sequence[ActionDataSample], rows: Tensor) -> None:
    """Mean (D,) over the views of each sample, from (N * V, D)."""
    for sample, own in zip(samples, rows.float().unflatten(0, (len(samples), -1)).mean(1)):
        sample.set_field(own, 'feature')
