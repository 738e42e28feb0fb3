"""RandAugment of clips, in a form that boxes can follow."""

from __future__ import annotations

import random
from collections.abc import Callable

import numpy as np
from mmaction.registry import TRANSFORMS
from mmcv.transforms import BaseTransform
from PIL import Image, ImageEnhance, ImageOps

from egoexo_mm.checks import check_share

_LARGEST = 10.0  # magnitude
_GREY = (128, 128, 128)
Op = Callable[[Image.Image], Image.Image]


@TRANSFORMS.register_module()
class ClipRandAugment(BaseTransform):
    """A few random colour operations (RandAugment), the same for all frames of a sample.

    Recipes of VideoMAE and MViT use ``rand-m7-n4-mstd0.5-inc1`` of timm: 4 operations of magnitude
    7 of 10, each applied with probability 0.5. Operations and strengths here are those of timm's
    ``auto_augment.py`` (https://github.com/huggingface/pytorch-image-models). MMAction2 has
    RandAugment through pytorchvideo, torchvision or imgaug only, whose shears, rotations and
    translations move pixels away from their boxes.

    Put it anywhere after decoding. Random draws are from Python's generator, which
    ``SeedAugmentations`` seeds.

    Args:
        magnitude: Strength, 0 to 10.
        num_layers: Operations of a clip.
        prob: Probability of each.
        magnitude_std: Standard deviation of the strength.
        geometric: Shear, rotate and translate too. ``LoadTargets`` cannot follow boxes through
            these, so it is refused beside ``TrackGeometry``.

    Raises:
        ValueError: For ``geometric=True`` in a pipeline with ``TrackGeometry``.
    """

    def __init__(
        self,
        magnitude: float = 7,
        num_layers: int = 4,
        prob: float = 0.5,
        magnitude_std: float = 0.5,
        geometric: bool = False,
    ) -> None:
        check_share('ClipRandAugment: prob', prob)
        check_share('ClipRandAugment: magnitude / 10', magnitude / _LARGEST)
        self.magnitude = magnitude
        self.num_layers = num_layers
        self.prob = prob
        self.magnitude_std = magnitude_std
        self.geometric = geometric
        self.names = [*COLOR_OPS, *(GEOMETRIC_OPS if geometric else ())]

    def transform(self, results: dict) -> dict:
        """Change ``imgs``, a list of arrays (H, W, 3) uint8."""
        if self.geometric and 'keypoint' in results:
            raise ValueError(
                'ClipRandAugment(geometric=True) shears, rotates and translates frames, and '
                'LoadTargets cannot follow boxes through that; set geometric=False'
            )
        for op in self._draw():
            results['imgs'] = [np.asarray(op(Image.fromarray(img))) for img in results['imgs']]
        # arrays of PIL are read-only, and later transforms write into them
        results['imgs'] = [img if img.flags.writeable else img.copy() for img in results['imgs']]
        return results

    def _draw(self) -> list[Op]:
        """The operations of a clip; their draws are made before the first frame."""
        ops = []
        for name in random.choices(self.names, k=self.num_layers):
            if random.random() < self.prob:
                magnitude = random.gauss(self.magnitude, self.magnitude_std)
                level = min(max(magnitude, 0), _LARGEST) / _LARGEST
                ops.append({**COLOR_OPS, **GEOMETRIC_OPS}[name](level, random.choice((-1, 1))))
        return ops


def _enhance(kind: type) -> Callable[[float, int], Op]:
    """Factor 1 is the picture itself."""
    return lambda level, sign: lambda img: kind(img).enhance(max(0.1, 1 + sign * 0.9 * level))


def _solarize_add(level: float, sign: int) -> Op:
    table = [min(255, i + int(level * 110)) if i < 128 else i for i in range(256)]
    return lambda img: img.point(table * 3)


def _affine(matrix: Callable[[float, Image.Image], tuple]) -> Callable[[float, int], Op]:
    return lambda level, sign: (
        lambda img: img.transform(
            img.size,
            Image.Transform.AFFINE,
            matrix(sign * level, img),
            Image.Resampling.BILINEAR,
            fillcolor=_GREY,
        )
    )


# name -> (level from 0 to 1, sign) -> operation
COLOR_OPS: dict[str, Callable[[float, int], Op]] = {
    'auto_contrast': lambda level, sign: ImageOps.autocontrast,
    'equalize': lambda level, sign: ImageOps.equalize,
    'invert': lambda level, sign: ImageOps.invert,
    'posterize': lambda level, sign: (
        lambda img: ImageOps.posterize(img, max(4 - int(4 * level), 1))
    ),
    'solarize': lambda level, sign: lambda img: ImageOps.solarize(img, 256 - int(256 * level)),
    'solarize_add': _solarize_add,
    'color': _enhance(ImageEnhance.Color),
    'contrast': _enhance(ImageEnhance.Contrast),
    'brightness': _enhance(ImageEnhance.Brightness),
    'sharpness': _enhance(ImageEnhance.Sharpness),
}
GEOMETRIC_OPS: dict[str, Callable[[float, int], Op]] = {
    'rotate': lambda level, sign: (
        lambda img: img.rotate(30 * level * sign, Image.Resampling.BILINEAR, fillcolor=_GREY)
    ),
    'shear_x': _affine(lambda by, img: (1, 0.3 * by, 0, 0, 1, 0)),
    'shear_y': _affine(lambda by, img: (1, 0, 0, 0.3 * by, 1, 0)),
    'translate_x': _affine(lambda by, img: (1, 0, 0.45 * by * img.size[0], 0, 1, 0)),
    'translate_y': _affine(lambda by, img: (1, 0, 0, 0, 1, 0.45 * by * img.size[1])),
}
