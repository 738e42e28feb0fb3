"""From frames of any size to what a classifier was trained on, in batches and on any device.

Shape legend: ``n`` frames of ``H x W`` pixels, ``size x size`` pixels as the network sees them.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# Where a crop of `side` pixels, which may be a fraction, starts in the libraries of the networks:
# MMAction2; torchvision, timm and mmpretrain (halves round to even); TensorFlow's EfficientNets.
_STARTS = dict(
    down=lambda length, side: (length - int(side)) // 2,
    even=lambda length, side: round((length - side) / 2),
    up=lambda length, side: (length - int(side) + 1) // 2,
)
# The long side when the short one becomes `side`: torchvision, timm and mmpretrain; MMAction2.
_LONG_SIDES = dict(
    cut=lambda long, short, side: int(side * long / short),
    nearest=lambda long, short, side: int(long * (side / short) + 0.5),
)


class FramePreprocessor(nn.Module):
    """Resize, centre crop and normalise RGB frames as a classifier's own library does.

    Resizing follows the pixel-centre convention (``align_corners=False``), in float. Its result is
    rounded to grey levels from 0 to 255, as the libraries' 8-bit images are. With ``antialias`` it
    equals PIL (torchvision, timm), without it OpenCV (MMAction2, mmpretrain).

    Args:
        size: Side of the square that the network sees.
        resize: With ``geometry='short'``: the short side before the centre crop. With ``'squash'``:
            both sides before it. With ``'crop_first'``: a centre square of ``size / resize`` of the
            short side is cut out, then resized to ``size``.
        mean: (3,) of the channels in the network's order, on the scale of 0 to 255.
        std: (3,) likewise.
        antialias: Low-pass filter when shrinking.
        interpolation: ``'bilinear'`` or ``'bicubic'``.
        geometry: See ``resize``.
        bgr: The network wants blue first.
        start: Where a crop starts if an odd number of pixels is left over: ``'down'``, ``'even'``
            or ``'up'``.
        long_side: ``'cut'`` or ``'nearest'``, how the long side is rounded.

    Raises:
        ValueError: For an unknown option, or ``resize`` below ``size``.
    """

    def __init__(
        self,
        *,
        size: int,
        resize: int,
        mean: Sequence[float],
        std: Sequence[float],
        antialias: bool,
        interpolation: str = 'bilinear',
        geometry: str = 'short',
        bgr: bool = False,
        start: str = 'even',
        long_side: str = 'cut',
    ) -> None:
        super().__init__()
        for name, value, known in (
            ('interpolation', interpolation, ('bilinear', 'bicubic')),
            ('geometry', geometry, ('short', 'squash', 'crop_first')),
            ('start', start, _STARTS),
            ('long_side', long_side, _LONG_SIDES),
        ):
            if value not in known:
                choices = ', '.join(map(repr, known))
                raise ValueError(f'{name}: expected one of {choices}, got {value!r}')
        if resize < size:
            raise ValueError(
                f'frames resized to {resize} pixels have no crop of {size}; lower crop_size or '
                'raise short_side'
            )
        self.size, self.resize = size, resize
        self.interpolation, self.antialias = interpolation, antialias
        self.geometry, self.bgr = geometry, bgr
        self.start, self.long_side = start, long_side
        for name, value in (('mean', mean), ('std', std)):
            channels = torch.as_tensor(value, dtype=torch.float32).reshape(3, 1, 1)
            self.register_buffer(name, channels, persistent=False)

    def forward(self, pixels: Tensor) -> Tensor:
        """Prepare frames.

        Args:
            pixels: (n, 3, H, W) RGB from 0 to 255, of any type.

        Returns:
            (n, 3, size, size) float32, on the device of ``pixels``.
        """
        if self.geometry == 'crop_first':
            square = self._cropped(pixels, self.size / self.resize * min(pixels.shape[2:]))
            frames = self._resized(square, (self.size, self.size))
        else:
            resized = self._resized(pixels, self._target(*pixels.shape[2:]))
            frames = self._cropped(resized, self.size)
        if self.bgr:
            frames = frames.flip(1)
        return (frames - self.mean.to(frames.device)) / self.std.to(frames.device)

    def _target(self, height: int, width: int) -> tuple[int, int]:
        """(H, W) after resizing."""
        if self.geometry == 'squash':
            return self.resize, self.resize
        long = _LONG_SIDES[self.long_side](max(height, width), min(height, width), self.resize)
        return (self.resize, long) if height <= width else (long, self.resize)

    def _resized(self, pixels: Tensor, size: tuple[int, int]) -> Tensor:
        pixels = pixels.float()
        if tuple(pixels.shape[2:]) == size:
            return pixels
        pixels = F.interpolate(
            pixels, size, mode=self.interpolation, align_corners=False, antialias=self.antialias
        )
        return pixels.round_().clamp_(0, 255)  # bicubic overshoots

    def _cropped(self, pixels: Tensor, side: float) -> Tensor:
        y, x = (_STARTS[self.start](length, side) for length in pixels.shape[2:])
        return pixels[:, :, y : y + int(side), x : x + int(side)]


def evenly_spaced(num_frames: int, count: int) -> Tensor:
    """(count,) positions from the first to the last of ``num_frames`` frames, rounded down.

    A single one is in the middle. All come once if ``count`` is ``num_frames``, some twice if it is
    larger.
    """
    if count == 1:
        return torch.tensor([(num_frames - 1) // 2])
    return torch.arange(count) * (num_frames - 1) // (count - 1)
