"""Scores or features of any MMAction2 recognizer, as a signal of any name.

Shape legend: ``n`` items, ``L`` frames of an item, ``h x w`` pixels as the network sees them, ``C``
scores or ``E`` numbers of an embedding.
"""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

from mmaction.models import Recognizer2D
from mmaction.models.recognizers.base import BaseRecognizer
from mmaction.registry import MODELS
from mmaction.utils import ConfigType
from mmengine.config import Config
from mmengine.logging import MMLogger
from torch import Tensor

from egoexo_mm.checkpoints.filling import fill_recognizer
from egoexo_mm.checks import check_choice
from egoexo_mm.models.distillation_maths import pool_features
from egoexo_mm.models.heads.verb_noun_head import PARTS

from .base import ScoreTeacher
from .frame_preprocessor import FramePreprocessor, evenly_spaced

OUTPUTS = ('scores', *PARTS, 'features')


@MODELS.register_module()
class RecognizerTeacher(ScoreTeacher):
    """Any trained MMAction2 recognizer as the teacher of a signal with a name of its own.

    Its class scores are one signal, the pooled features of its backbone another. Frames are resized
    as MMAction2's ``Resize`` does in testing (bilinear as OpenCV, without antialiasing), cropped in
    the centre, and normalised by the recognizer's own ``data_preprocessor``.

    Args:
        signal: Name of the signal, for example ``'keystep'``.
        recognizer: Config of the model, or path of a config file whose ``model`` is taken.
        checkpoint: Its weights, an MMEngine ``.pth`` as training or ``tools/strip_aux.py`` leaves
            it, loaded without running code; ``aux_heads.*`` are left out. None: random weights,
            with a warning.
        output: ``'scores'`` of the class head; ``'verb'`` or ``'noun'`` of a ``VerbNounHead``;
            ``'features'``, the global average of the backbone's last map of every pathway.
        clip_len: ``L``, frames of a clip (of a ``Recognizer2D``: its segments).
        short_side: Short side of the frames in pixels, before the crop.
        crop_size: Side of the crop.
        score_kind: See :class:`ScoreTeacher`; by default ``'logits'``, of features
            ``'embedding'``.
        name: For the manifest; by default the types of the parts.

    Raises:
        ValueError: The config has no such model, or the checkpoint does not fit.
    """

    score_kinds = ('logits', 'probabilities', 'scores', 'embedding')

    def __init__(
        self,
        *,
        signal: str,
        recognizer: ConfigType | str,
        checkpoint: str | None = None,
        output: str = 'scores',
        clip_len: int = 32,
        short_side: int = 256,
        crop_size: int = 224,
        score_kind: str | None = None,
        name: str | None = None,
    ) -> None:
        check_choice('output', output, OUTPUTS)
        network, source = _build(recognizer)
        self.signal = self.target = signal
        self.output = output
        width = self._width(network, source)
        sha256 = None
        if checkpoint is None:
            MMLogger.get_current_instance().warning(
                f'{type(self).__name__}: {source} has random weights; set checkpoint'
            )
        else:
            sha256 = fill_recognizer(network, checkpoint, f'a checkpoint trained with {source}')
        super().__init__(
            num_scores=width,
            score_kind=score_kind or ('embedding' if output == 'features' else 'logits'),
            name=name or _describe(network, source),
            weights_sha256=sha256,
        )
        self.recognizer = network
        self.clip_len = clip_len
        self.short_side, self.crop_size = short_side, crop_size
        self.frames = _preprocessor(network, short_side, crop_size)
        self.freeze()

    def _width(self, network: BaseRecognizer, source: str) -> int:
        """Scores or numbers that ``output`` has, from one clip where no layer tells."""
        head = getattr(network, 'cls_head', None)
        layer = getattr(head, f'fc_{self.output}', None)
        found = getattr(head, 'num_classes', None) if self.output == 'scores' else None
        found = layer.out_features if layer is not None else found
        if self.output == 'features':
            found = getattr(head, 'in_channels', None)
        if not isinstance(found, int):
            raise ValueError(
                f'{source}: its class head {type(head).__name__} does not tell how many '
                f'{self.output!r} it has; set output to another of {", ".join(OUTPUTS)}, or take a '
                'recognizer with a head of one layer'
            )
        return found

    def row_settings(self) -> dict[str, Any]:
        """What of the recognizer is stored, and the size of frames."""
        return dict(output=self.output, short_side=self.short_side, crop_size=self.crop_size)

    def prepare(self, pixels: Tensor) -> Tensor:
        """(n, 3, crop_size, crop_size) normalised frames of (n, 3, H, W)."""
        return self.frames(pixels)

    def logits(self, items: Tensor) -> Tensor:
        """(n, C) scores of the class head before any softmax, or (n, E) features."""
        frames_in_batch = isinstance(self.recognizer, Recognizer2D)
        if frames_in_batch:
            inputs = items  # (n, segments, 3, h, w)
        else:
            inputs = items.transpose(1, 2)[:, None].contiguous()  # (n, 1 view, 3, L, h, w)
        if self.output != 'features':
            scores = self.recognizer(inputs, mode='tensor', stage='head')
            return scores[PARTS.index(self.output)] if self.output in PARTS else scores
        feats = self.recognizer(inputs, mode='tensor', stage='backbone')
        if frames_in_batch:  # (n * segments, E, h, w)
            return feats.flatten(2).mean(2).unflatten(0, items.shape[:2]).mean(1)
        return pool_features(feats)

    def clip_items(self, num_frames: int) -> Tensor:
        """(1, clip_len): one item, evenly spaced; every frame once if the lengths agree."""
        return evenly_spaced(num_frames, self.clip_len)[None]


def _build(recognizer: ConfigType | str) -> tuple[BaseRecognizer, str]:
    """The recognizer, and how messages call it."""
    source = 'the recognizer'
    if isinstance(recognizer, (str, Path)):
        source = str(recognizer)
        if not Path(recognizer).is_file():
            raise ValueError(
                f'{source}: no such config file; set recognizer to one, or to a config of the model'
            )
        recognizer = Config.fromfile(recognizer).get('model')
    if not isinstance(recognizer, dict) or 'type' not in recognizer:
        raise ValueError(f'{source}: has no config of a model; expected `model = dict(type=...)`')
    return MODELS.build(copy.deepcopy(recognizer)), source  # the host's recognizers change theirs


def _describe(network: BaseRecognizer, source: str) -> str:
    if source != 'the recognizer':
        return Path(source).stem
    return f'{type(network).__name__} with {type(network.backbone).__name__}'


def _preprocessor(network: BaseRecognizer, short_side: int, crop_size: int) -> FramePreprocessor:
    own: Any = network.data_preprocessor
    normalises = getattr(own, '_enable_normalize', False)
    mean, std = (own.mean.flatten(), own.std.flatten()) if normalises else ([0.0] * 3, [1.0] * 3)
    return FramePreprocessor(
        size=crop_size,
        resize=short_side,
        mean=mean,
        std=std,
        antialias=False,
        bgr=getattr(own, 'to_rgb', False),  # the host's switch reverses, and frames are RGB
        start='down',
        long_side='nearest',
    )
