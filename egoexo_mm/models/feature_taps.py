"""Where auxiliary heads read the backbone, and how what they read becomes a map.

Shape legend: ``N`` clips, ``D`` channels, ``T x H x W`` frames and cells of a map.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Union

import torch
from einops import EinopsError, rearrange
from torch import Tensor, nn

from egoexo_mm.checks import check_choice, first_line
from egoexo_mm.interaction_maps import FRAME_SAMPLINGS, MapGeometry

AXES = 'n d t h w'
Ints = Union[int, tuple]  # one for all pathways, or one for each
# Frames and pixels of the clips that are tried on an unknown backbone, small ones first.
_PROBES = ((16, 64), (8, 64), (32, 64), (16, 224), (8, 224), (32, 224))


@dataclass(frozen=True)
class FeatureTap:
    """A place in a backbone, and what its output means.

    Args:
        module: Dotted name in the backbone, for example ``'norm'`` or ``'blocks.8'``. Empty: the
            output of the backbone.
        select: Places to take, one after the other, where that output is a nested sequence:
            ``(-1, 0)`` is the first entry of the last one.
        order: Axes of the output, in the notation of einops: ``n`` clips, ``d`` channels, ``t``
            frames, ``h`` and ``w`` cells. ``'n (t h w) d'`` are tokens frame by frame,
            ``'(n t) d h w'`` are frames in the batch dimension.
        class_tokens: Tokens in front that are no cells, on the axis that has ``h``.
        channels: ``d``; one number for each pathway of a backbone that has several.
        time_stride: Frames of the clip per frame of the map; one for each pathway.
        cell_size: Pixels per cell.
        frame_sampling: Which frames of the clip the map shows, see
            :func:`~egoexo_mm.interaction_maps.slow_frame_index`; those of the first pathway.
    """

    module: str = ''
    select: tuple[int, ...] = ()
    order: str = AXES
    class_tokens: int = 0
    channels: Ints = ()
    time_stride: Ints = ()
    cell_size: int = 0
    frame_sampling: str = 'stride'

    def __post_init__(self) -> None:
        for name in ('select', 'channels', 'time_stride'):
            value = getattr(self, name)
            object.__setattr__(self, name, (value,) if isinstance(value, int) else tuple(value))
        letters = self.order.replace('(', ' ').replace(')', ' ').split()
        if sorted(letters) != sorted(AXES.split()):
            raise ValueError(
                f"tap: order must name n, d, t, h and w once each, as in 'n (t h w) d', got "
                f'{self.order!r}'
            )
        check_choice('tap: frame_sampling', self.frame_sampling, FRAME_SAMPLINGS)

    @property
    def is_complete(self) -> bool:
        """Whether channels and strides are known."""
        return bool(self.channels and self.time_stride and self.cell_size)

    @property
    def has_tokens(self) -> bool:
        """Whether rows and columns share an axis, so that only ``cell_size`` tells them apart."""
        return any({'h', 'w'} & set(group) for group in _groups(self.order))

    def geometry(self, pathway: int = 0, join_clips: bool = False) -> MapGeometry:
        """Frames and cells of the map of a pathway.

        Args:
            pathway: Of a backbone that has several.
            join_clips: See :class:`~egoexo_mm.interaction_maps.MapGeometry`; of 2D recognizers.
        """
        only = len(self.time_stride) == 1
        return MapGeometry(
            time_stride=self.time_stride[0 if only else pathway],
            frame_sampling=self.frame_sampling if only or pathway == 0 else 'stride',
            cell_size=self.cell_size,
            join_clips=join_clips,
        )

    def maps(self, output: Any, clip: tuple[int, int, int]) -> Any:
        """What the module returned as (N, D, T, H, W), or as a tuple of those, one per pathway.

        Args:
            output: Of the module.
            clip: Clips, and height and width of their frames in pixels.

        Raises:
            ValueError: If the output is no such map.
        """
        place = self.module or 'the output of the backbone'
        try:
            for i in self.select:
                output = output[i]
        except (IndexError, TypeError, KeyError):
            raise ValueError(
                f'tap: {place} has no entry {self.select}: it is {_shape(output)}'
            ) from None
        if isinstance(output, (tuple, list)) and all(isinstance(x, Tensor) for x in output):
            return tuple(self._map(x, clip, place) for x in output)
        if not isinstance(output, Tensor):
            raise ValueError(
                f'tap: {place} is {_shape(output)}; say which with tap=dict(select=...)'
            )
        return self._map(output, clip, place)

    def _map(self, x: Tensor, clip: tuple[int, int, int], place: str) -> Tensor:
        if self.order == AXES and x.dim() == 5:
            return x
        clips, height, width = clip
        sizes = dict(n=clips)
        if self.has_tokens:
            sizes.update(h=height // self.cell_size, w=width // self.cell_size)
        groups = _groups(self.order)
        sizes = {axis: size for axis, size in sizes.items() if any(axis in one for one in groups)}
        try:
            if self.class_tokens:
                x = x.narrow(
                    _axis_of('h', self.order),
                    self.class_tokens,
                    x.shape[_axis_of('h', self.order)] - self.class_tokens,
                )
            return rearrange(x, f'{self.order} -> {AXES}', **sizes)
        except (EinopsError, RuntimeError, IndexError):
            raise ValueError(
                f'tap: {place} is {tuple(x.shape)}, which is not {self.order!r} for {clips} clips '
                f'of {height} x {width} pixels and cells of {self.cell_size}; set order, '
                'class_tokens or cell_size of the tap'
            ) from None


def _axis_of(letter: str, order: str) -> int:
    """Place of the axis, or of the group of axes, that has ``letter``."""
    depth = place = 0
    for sign in order:
        if sign == letter:
            return place
        depth += (sign == '(') - (sign == ')')
        place += sign == ' ' and not depth
    raise ValueError(letter)


def _groups(order: str) -> list[str]:
    """The axes of each pair of brackets."""
    return [part.split(')')[0] for part in order.split('(')[1:]]


def _shape(output: Any) -> str:
    if isinstance(output, Tensor):
        return f'a tensor {tuple(output.shape)}'
    if isinstance(output, (tuple, list)):
        return f'a {type(output).__name__} of {", ".join(map(_shape, output)) or "nothing"}'
    return type(output).__name__


class TapReader:
    """Reads the taps of a recognizer's heads while a batch passes through its backbone.

    Forward hooks are in place during :meth:`reading` only, so that testing runs none. A tap that
    several heads share is read and rearranged once.

    Args:
        taps: Name of the head -> its tap.
    """

    def __init__(self, taps: Mapping[str, FeatureTap]) -> None:
        self.taps = dict(taps)
        self._outputs: dict[str, Any] = {}
        self._maps: dict[FeatureTap, Any] = {}
        self._clip = (0, 0, 0)

    @contextmanager
    def reading(
        self, backbone: nn.Module, clip: tuple[int, int, int], has_neck: bool = False
    ) -> Iterator[None]:
        """What the backbone makes in this context can be had from :meth:`maps`.

        Args:
            backbone: Of the recognizer.
            clip: Clips of the batch, and height and width of their frames.
            has_neck: Whether the recognizer's features are those of a neck. Those of the backbone
                need no hook where there is none.
        """
        self._clip = clip
        places = dict.fromkeys(tap.module for tap in self.taps.values())
        handles = [
            backbone.get_submodule(place).register_forward_hook(self._keep(place))
            for place in places
            if place or has_neck
        ]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()
            self._outputs, self._maps = {}, {}

    def _keep(self, place: str) -> Any:
        def hook(module: nn.Module, args: tuple, output: Any) -> None:
            self._outputs[place] = output

        return hook

    def output(self, tap: FeatureTap, feats: Any) -> Any:
        """What the module of a tap returned; ``feats`` for the backbone where no neck follows.

        Raises:
            ValueError: If the module did not run.
        """
        if tap.module not in self._outputs and tap.module:
            raise ValueError(
                f'tap: the forward pass of the backbone does not call {tap.module!r}; name a '
                'module that it calls'
            )
        return self._outputs.get(tap.module, feats)

    def maps(self, name: str, feats: Any) -> Any:
        """Maps of the head's tap.

        Args:
            name: Of the head.
            feats: Of the recognizer; a head without a tap gets them as they are.

        Raises:
            ValueError: If the module did not run, or keeps no gradient of its output.
        """
        tap = self.taps.get(name)
        if tap is None:
            return feats
        if tap not in self._maps:
            output = self.output(tap, feats)
            if torch.is_grad_enabled() and _learns(feats) and not _learns(output):
                raise ValueError(
                    f'tap: the output of {tap.module!r} has no gradient, but that of the backbone '
                    'has; it is frozen, or inside a part that with_cp checkpoints: tap a module '
                    'around it'
                )
            self._maps[tap] = tap.maps(output, self._clip)
        return self._maps[tap]


def _learns(output: Any) -> bool:
    if isinstance(output, Tensor):
        return output.requires_grad
    return isinstance(output, (tuple, list)) and any(map(_learns, output))


def complete_tap(tap: FeatureTap, backbone: nn.Module, frames_in_batch: bool) -> FeatureTap:
    """Fill in channels and strides from what the backbone makes of a tiny clip.

    Args:
        tap: What is known.
        backbone: On a device that has values; its mode and weights stay as they are.
        frames_in_batch: Whether it takes frames (T, 3, H, W) instead of clips (N, 3, T, H, W).

    Raises:
        ValueError: If it takes none of the clips that were tried, or makes no map.
    """
    kind = type(backbone).__name__
    remedy = (
        f'say where {kind} has a map: model.tap=dict(module=..., order=..., channels=..., '
        'time_stride=..., cell_size=...), see docs/backbones.md'
    )
    if tap.has_tokens and not tap.cell_size:
        raise ValueError(f'tap: order {tap.order!r} needs cell_size; {remedy}')
    frames, size, output = _probe(tap, backbone, frames_in_batch, remedy)
    try:
        maps = tap.maps(output, (1, size, size))
    except ValueError as error:
        raise ValueError(f'{error}; {remedy}') from None
    maps = maps if isinstance(maps, tuple) else (maps,)
    if any(x.dim() != 5 or x.shape[-1] == 1 or frames % x.shape[2] for x in maps):
        shapes = ', '.join(str(tuple(x.shape)) for x in maps)
        raise ValueError(f'{kind} makes {shapes} of {frames} x {size} x {size} pixels; {remedy}')
    found = dict(
        channels=tuple(x.shape[1] for x in maps),
        time_stride=tuple(frames // x.shape[2] for x in maps),
        cell_size=-(-size // maps[0].shape[-1]),
    )
    return dataclasses.replace(
        tap, **{key: value for key, value in found.items() if not getattr(tap, key)}
    )


@torch.no_grad()
def _probe(
    tap: FeatureTap, backbone: nn.Module, frames_in_batch: bool, remedy: str
) -> tuple[int, int, Any]:
    """Frames and pixels of the first clip that the backbone takes, and the output of the tap."""
    weight = next(backbone.parameters())
    modes = {module: module.training for module in backbone.modules()}
    reader, failure = TapReader(dict(probe=tap)), ''
    backbone.eval()
    try:
        for frames, size in _PROBES:
            shape = (frames, 3, size, size) if frames_in_batch else (1, 3, frames, size, size)
            with reader.reading(backbone, (1, size, size)):
                try:
                    feats = backbone(weight.new_zeros(shape))
                except (RuntimeError, ValueError, AssertionError, TypeError) as error:
                    failure = failure or first_line(error)
                    continue
                return frames, size, reader.output(tap, feats)
    finally:
        for module, mode in modes.items():
            module.training = mode
    raise ValueError(f'{type(backbone).__name__} takes no clip of zeros ({failure}); {remedy}')
