"""Teachers inside the training step: they make the targets that the samples of a batch lack."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any

import torch
from mmaction.models import ActionDataPreprocessor
from mmaction.registry import MODELS
from mmaction.utils import ConfigType, SampleList
from torch import Tensor, nn

from egoexo_mm.checks import check_choice

from .base import HALF_DTYPES, Teacher
from .detection import DetectionTeacher


class OnlineTeachers:
    """The teachers of a recognizer, outside its state dict, its parameters and its modules.

    A plain object on purpose: what is not a module of the recognizer reaches no checkpoint, no
    optimizer, no DDP bucket, no synchronised batch norm and no ``train()``. The recognizer passes
    its moves between devices on (:meth:`apply`).

    Teachers are built, and their checkpoints read, at the start of training. A config can therefore
    be built, tested and exported without their files, and a missing file ends training before its
    first step.

    Args:
        teachers: Field of the data sample (``ego_score``, ``object_score``, ``interaction_map``) ->
            config of the teacher.
        learned: Fields that auxiliary heads learn from.
        amp: ``'float16'`` or ``'bfloat16'`` runs teachers in mixed precision. None runs them in the
            precision of their weights, whatever the recognizer trains in.
        map_frames: ``time_stride``, ``frame_sampling`` and ``cell_size`` of the recognizer's maps,
            where it knows them, for a ``DetectionTeacher`` whose config does not state its own.

    Raises:
        ValueError: For a teacher that no head learns from, or another ``amp``.
    """

    def __init__(
        self,
        teachers: dict[str, ConfigType | None],
        *,
        learned: Iterable[str],
        amp: str | None = None,
        map_frames: dict[str, Any] | None = None,
    ) -> None:
        self.configs = {name: cfg for name, cfg in teachers.items() if cfg}
        learned = sorted(set(learned))
        for name in self.configs:
            if name not in learned:
                raise ValueError(
                    f'teachers: no auxiliary head learns {name!r} (they learn '
                    f'{", ".join(learned) or "nothing"}); add a head with that target to '
                    f'aux_heads, or set model.teachers.{name}=None as well'
                )
        if amp not in HALF_DTYPES:
            check_choice('teacher_amp', amp, ('float16', 'bfloat16', None))
        self.amp = amp and HALF_DTYPES[amp]
        self.map_frames = map_frames or {}
        self.built: dict[str, Teacher] = {}

    def apply(self, fn: Callable[[Tensor], Tensor]) -> None:
        """Move or convert the teachers; ``fn`` is that of ``nn.Module._apply``."""
        for teacher in self.built.values():
            teacher._apply(fn)

    def build(self, device: torch.device | str) -> None:
        """Build the teachers that are not built yet; training's random numbers are not used.

        Raises:
            ValueError: If a teacher makes another target than its name says, or cannot read its
                files.
        """
        with torch.random.fork_rng(devices=[]):
            for name, cfg in self.configs.items():
                if name in self.built:
                    continue
                cfg = copy.deepcopy(cfg)  # some classes of the hosts change their configs
                if _makes_maps(cfg.get('type')):
                    cfg = {**self.map_frames, **cfg}
                teacher = MODELS.build(cfg)
                if not isinstance(teacher, Teacher) or teacher.target != name:
                    made = repr(getattr(teacher, 'target', None))
                    raise ValueError(
                        f'teachers: {type(teacher).__name__} makes {made}, but is given as '
                        f'{name!r}; give each teacher under the name of its target'
                    )
                teacher.freeze()
                self.built[name] = teacher.to(device)

    @torch.no_grad()
    def fill(self, inputs: Tensor, data_samples: SampleList, preprocessor: nn.Module) -> SampleList:
        """Samples with every target that a teacher can make; a target that a sample has stays.

        Args:
            inputs: (N, 1, 3, T, H, W) clips, normalised by ``preprocessor``.
            data_samples: N samples; they are not changed. Teachers see their ``raw_clip``.
            preprocessor: Of the recognizer, for samples without ``raw_clip``.

        Returns:
            N samples; those with new targets are copies.

        Raises:
            ValueError: For more than one view a sample.
        """
        lacking = {
            name: [i for i, sample in enumerate(data_samples) if name not in sample]
            for name in self.configs
        }
        if not any(lacking.values()):
            return data_samples
        if inputs.shape[1] != 1:
            raise ValueError(
                f'teachers: expected one view a sample, got {inputs.shape[1]}; train with '
                'num_clips=1 and one crop'
            )
        self.build(inputs.device)
        pixels = _raw_clips(inputs, data_samples, preprocessor)
        samples = list(data_samples)
        for name, rows in lacking.items():
            if not rows:
                continue
            with torch.autocast(inputs.device.type, enabled=self.amp is not None, dtype=self.amp):
                targets = self.built[name].targets(torch.stack([pixels[i] for i in rows]).float())
            if len(targets) != len(rows):
                raise ValueError(f'teacher {name}: {len(targets)} targets for {len(rows)} clips')
            for i, target in zip(rows, targets):
                samples[i] = samples[i].new() if samples[i] is data_samples[i] else samples[i]
                samples[i].set_field(target, name)
        return samples


def _makes_maps(kind: Any) -> bool:
    found = MODELS.get(kind) if isinstance(kind, str) else kind
    return isinstance(found, type) and issubclass(found, DetectionTeacher)


def _raw_clips(inputs: Tensor, data_samples: SampleList, preprocessor: nn.Module) -> list[Tensor]:
    """(3, T, H, W) RGB pixels of each clip, those that the preprocessor kept where it did."""
    if all('raw_clip' in sample for sample in data_samples):
        clips = [sample.raw_clip for sample in data_samples]  # (T, 3, H, W) of 2D recognizers
        return [clip[0] if clip.dim() == 5 else clip.transpose(0, 1) for clip in clips]
    return list(raw_pixels(inputs[:, 0], preprocessor))


def raw_pixels(clips: Tensor, preprocessor: nn.Module) -> Tensor:
    """The RGB pixels that MMAction2's own preprocessor normalised, for it keeps no raw clips.

    They are rounded to integers, which restores uint8 frames exactly.

    Args:
        clips: (N, 3, T, H, W) normalised.
        preprocessor: Of the recognizer.

    Returns:
        (N, 3, T, H, W) float32 from 0 to 255.

    Raises:
        ValueError: If it blends clips, whose pixels are those of no video, or is no
            ``ActionDataPreprocessor``.
    """
    if not isinstance(preprocessor, ActionDataPreprocessor):
        raise ValueError(
            f'teachers: cannot undo the normalisation of {type(preprocessor).__name__}; expected '
            'an EgoExoDataPreprocessor or ActionDataPreprocessor, or targets in stores '
            '(train_dataloader.dataset.targets)'
        )
    if preprocessor.blending is not None:
        raise ValueError(
            f'teachers: cannot see the clips that {type(preprocessor.blending).__name__} blends; '
            'remove blending of the data_preprocessor'
        )
    pixels = clips.float()
    if getattr(preprocessor, 'mean', None) is not None:
        # of 2D recognizers they have no axis of frames
        pixels = pixels * preprocessor.std.view(-1, 1, 1, 1) + preprocessor.mean.view(-1, 1, 1, 1)
    if preprocessor.to_rgb:  # the host's switch reverses the channels, whatever its name
        pixels = pixels.flip(1)
    return pixels.round().clamp(0, 255)
