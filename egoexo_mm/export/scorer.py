"""What is exported of a recognizer: from a batch of clips to their scores, and to maps.

Shape legend: ``N`` clips, ``T`` frames of ``H x W`` pixels, ``C`` classes, ``t x h x w`` frames and
cells of a map of ``K`` kinds.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext

import torch
from mmaction.models import Recognizer2D
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import Tensor, nn

from egoexo_mm.checkpoints.download import local_file
from egoexo_mm.checkpoints.filling import fill, fill_scoring
from egoexo_mm.checkpoints.reading import read_weights
from egoexo_mm.checks import check_choice
from egoexo_mm.models.heads import InteractionMapHead, VerbNounHead
from egoexo_mm.models.heads.base import StockHead, score_activation, view_scorer
from egoexo_mm.models.heads.verb_noun_head import PARTS
from egoexo_mm.models.view_scoring import activate

INPUTS = ('uint8', 'float', 'normalized')
_FITS = (
    'the checkpoint that was trained with this config (tools/convert_weights.py converts others)'
)


class ClipScorer(nn.Module):
    """Scores of clips as ``predict`` gives them for a video of one view, and the student's maps.

    Args:
        model: A built recognizer; it is put into eval mode, on the CPU.
        pixels: ``'uint8'`` or ``'float'``: clips are RGB from 0 to 255, and are normalised here as
            the model's data preprocessor does. ``'normalized'``: they are normalised already.
        maps: Also give what each ``InteractionMapHead`` predicts.

    Raises:
        ValueError: The class head cannot score views by themselves, or there are no maps.
    """

    def __init__(self, model: nn.Module, *, pixels: str = 'uint8', maps: bool = False) -> None:
        super().__init__()
        check_choice('input', pixels, INPUTS)
        self.model = model.cpu()
        self.pixels = pixels
        self.head = view_scorer(model.cls_head)
        if self.head is None:
            raise ValueError(
                f'cls_head {type(model.cls_head).__name__} has a predict of its own, which is not '
                'exported; expected a ViewHead or a head of MMAction2'
            )
        self.map_heads = map_heads(model) if maps else []
        if maps and not self.map_heads:
            raise ValueError(
                'model.aux_heads has no InteractionMapHead, so there are no maps to export; take '
                'a config with one, or leave --maps out'
            )
        self.frames_in_batch = isinstance(model, Recognizer2D)
        # Batches of views would be traced as constants.
        self.test_cfg = {
            key: value
            for key, value in (model.test_cfg or {}).items()
            if key != 'max_testing_views'
        }
        names = PARTS if isinstance(model.cls_head, VerbNounHead) else ('scores',)
        self.outputs = [*names, *self.map_heads]
        self.eval()  # of this module too: exporters restore its mode in all that is in it

    @property
    def activation(self) -> str | None:
        """What was applied to the class scores."""
        return score_activation(self.model.cls_head)

    @property
    def ensemble(self) -> str:
        """How scores of several views become those of a video."""
        return getattr(self.head, 'ensemble', 'mean')

    def forward(self, clips: Tensor) -> tuple[Tensor, ...]:
        """Outputs in the order of ``outputs``.

        Args:
            clips: (N, 3, T, H, W), uint8 or float32. A 2D recognizer has its segments as T.

        Returns:
            (N, C) scores, or (N, verbs) and (N, nouns); and (N, K, t, h, w) of each map head, from
            0 to 1, by default of K = 2 kinds: hand and held object.
        """
        x = clips if self.pixels == 'normalized' else self.normalize(clips)
        x = x.transpose(1, 2).contiguous() if self.frames_in_batch else x[:, None]
        model, before = self.model, self.model.test_cfg
        model.test_cfg = self.test_cfg
        with model._reading(x) if self.map_heads else nullcontext():
            feats, kwargs = model.extract_feat(x, test_mode=True)
            maps = [
                model.aux_heads[name](model.aux_input(name, feats)).sigmoid()
                for name in self.map_heads
            ]
        model.test_cfg = before
        scores = self.head.view_scores(feats, **kwargs)
        if isinstance(self.head, StockHead):
            scores = activate(scores, self.activation)
        scores = list(scores.values()) if isinstance(scores, dict) else [scores]
        return (*scores, *maps)

    def normalize(self, clips: Tensor) -> Tensor:
        """RGB clips as the model's data preprocessor normalises them."""
        before = self.model.data_preprocessor
        x = clips.float()
        if before.to_rgb:  # its name for: the other order
            x = x[:, [2, 1, 0]]
        if before._enable_normalize:
            shape = (1, 3, 1, 1, 1)
            x = (x - before.mean.view(shape)) / before.std.view(shape)
        return x

    @torch.no_grad()
    def expected(self, clips: Tensor) -> list[Tensor]:
        """The same outputs through the recognizer's own ``test_step``.

        Args:
            clips: (N, 3, T, H, W) uint8.
        """
        rows = clips.transpose(1, 2) if self.frames_in_batch else clips[:, None]
        samples = [ActionDataSample() for _ in rows]
        found = self.model.test_step(dict(inputs=list(rows), data_samples=samples))
        scores = [sample.pred_score for sample in found]
        names = self.outputs[: len(self.outputs) - len(self.map_heads)]
        outputs = [
            torch.stack([score if isinstance(score, Tensor) else score[name] for score in scores])
            for name in names
        ]
        x = self.normalize(clips)
        x = x.transpose(1, 2).contiguous() if self.frames_in_batch else x[:, None]
        maps = [self.model.aux_predictions(x, name).sigmoid() for name in self.map_heads]
        return [*outputs, *maps]


def map_heads(model: nn.Module) -> list[str]:
    """Names of the auxiliary heads of a recognizer that predict maps."""
    heads = getattr(model, 'aux_heads', {})
    return [name for name, head in heads.items() if isinstance(head, InteractionMapHead)]


def load_recognizer(cfg: Config, checkpoint: str, *, maps: bool = False) -> nn.Module:
    """The recognizer of a config with the weights of a file.

    Args:
        cfg: With ``model``.
        checkpoint: Path or URL; ``'none'`` leaves random weights.
        maps: Its map heads must have weights too.

    Raises:
        ValueError: The file cannot be read or does not fit.
    """
    init_default_scope(cfg.get('default_scope', 'mmaction'))
    model = MODELS.build(cfg.model)
    if checkpoint == 'none':
        return model
    path = local_file(checkpoint)
    weights, _ = read_weights(path)
    fill_scoring(model, weights, path, _FITS)
    for name in map_heads(model) if maps else ():
        prefix = f'aux_heads.{name}.'
        own = {
            key[len(prefix) :]: value for key, value in weights.items() if key.startswith(prefix)
        }
        fill(model.aux_heads[name], own, f'{path}, {prefix}*', _FITS)
    return model


def clip_shape(cfg: Config, frames: int | None = None, size: int | None = None) -> tuple[int, int]:
    """Frames and pixels of the clips that a config tests on.

    Args:
        cfg: Its ``test_dataloader`` has a pipeline with ``clip_len`` and ``crop_size``.
        frames: Instead of what the pipeline says.
        size: Instead of what the pipeline says.

    Raises:
        ValueError: The pipeline does not say.
    """
    loader = cfg.get('test_dataloader') or cfg.get('val_dataloader') or {}
    steps: Sequence[dict] = loader.get('dataset', {}).get('pipeline', [])
    for step in steps:
        frames = frames or _clip_frames(step, cfg.model)
    sides = [step['crop_size'] for step in steps if 'crop_size' in step]
    if not sides:
        sides = [step['scale'] for step in steps if -1 not in _pair(step.get('scale', -1))]
    size = size or (_pair(sides[-1])[0] if sides else None)
    if not frames or not size:
        raise ValueError(
            'the test pipeline of the config does not tell the frames or the size of its clips; '
            'give --frames and --size'
        )
    return frames, size


def _clip_frames(step: dict, model: dict) -> int | None:
    if 'clip_len' not in step:
        return None
    kind = MODELS.get(model['type']) if isinstance(model['type'], str) else model['type']
    return step['clip_len'] * (step.get('num_clips', 1) if issubclass(kind, Recognizer2D) else 1)


def _pair(value: int | Sequence[int]) -> tuple[int, ...]:
    return (value, value) if isinstance(value, int) else tuple(value)
