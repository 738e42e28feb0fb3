"""Teacher of the Interaction-Map from ordinary detectors: one of hands and one of objects."""

from __future__ import annotations

import hashlib
from collections.abc import Hashable, Sequence
from typing import Any

import numpy as np
import torch
from mmaction.registry import MODELS
from torch import Tensor

from egoexo_mm.checks import check_share
from egoexo_mm.interaction_maps import HAND, OBJECT
from egoexo_mm.untrusted import quote_names

from .detection import DetectionTeacher, plain_columns
from .plain_detector import PlainDetector
from .touch import NOT_HELD, touching


@MODELS.register_module()
class BoxTeacher(DetectionTeacher):
    """Hands of any mmdet detector, and objects of another that touch a hand.

    An object counts as held if its box touches the box of a hand, enlarged by ``reach``, and its
    class is not ``excluded`` (:func:`touching`). Sides and contact states stay unknown. mmdet is
    imported when the teacher is built.

    Args:
        hands: Arguments of :class:`PlainDetector`: ``detector``, ``checkpoint`` and ``classes``.
        objects: Likewise. None takes the other classes of the hand detector, if it has any.
        hand_classes: Names of the hand detector's classes that are hands.
        excluded: Names of the classes that never count as held. Names that the detector does not
            have are allowed.
        hand_score_thr: Hands must score higher.
        object_score_thr: Objects must score higher.
        reach: Growth of a hand's box on each side, as a share of its width or height.
        name: For the manifest of stores; the names of the configs by default.
        **kwargs: Of :class:`DetectionTeacher`.

    Raises:
        ImportError: Without mmdet.
        ValueError: If a file is missing or not of its kind, or an option is impossible.
    """

    def __init__(
        self,
        *,
        hands: dict[str, Any],
        objects: dict[str, Any] | None = None,
        hand_classes: Sequence[str] = ('hand',),
        excluded: Sequence[str] = NOT_HELD,
        hand_score_thr: float = 0.3,
        object_score_thr: float = 0.3,
        reach: float = 0.25,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        check_share('hand_score_thr', hand_score_thr)
        check_share('object_score_thr', object_score_thr)
        if reach < 0:
            raise ValueError(f'BoxTeacher: reach must be 0 or more, got {reach}')
        networks = [PlainDetector(**given) for given in (hands, objects) if given is not None]
        super().__init__(name=name or '+'.join(each.name for each in networks), **kwargs)
        self.networks = torch.nn.ModuleList(networks)
        self.hand_classes, self.excluded = frozenset(hand_classes), frozenset(excluded)
        self.hand_score_thr, self.object_score_thr = hand_score_thr, object_score_thr
        self.reach = reach
        if not self.hand_classes & set(networks[0].classes):
            raise ValueError(
                f'BoxTeacher: {networks[0].name} has no class {" or ".join(sorted(hand_classes))} '
                f'(it has {", ".join(networks[0].classes[:5])}, ...); set hand_classes'
            )
        held = set(networks[-1].classes) - self.excluded - self.hand_classes
        if objects is not None and not held:
            raise ValueError(
                f'BoxTeacher: {networks[-1].name} has no class that can be held (it has '
                f'{quote_names(networks[-1].classes)}); give classes=[...] of objects, or change '
                'excluded'
            )
        sums = [each.weights_sha256 for each in networks]
        if None not in sums:  # of two files: of the text of their sums
            joined = hashlib.sha256(''.join(sums).encode()).hexdigest()
            self.weights_sha256 = sums[0] if len(sums) == 1 else joined
        self.freeze()

    def row_settings(self) -> dict[str, Any]:
        """Thresholds, and the rule of held objects."""
        return dict(
            hand_score_thr=self.hand_score_thr,
            object_score_thr=self.object_score_thr,
            reach=self.reach,
            hand_classes=sorted(self.hand_classes),
            excluded=sorted(self.excluded),
        )

    def prepare(self, pixels: Tensor) -> Tensor:
        """The frames themselves: the detectors scale them to different sizes."""
        return pixels

    def batch_key(self, prepared: Tensor, frame_size: tuple[int, int]) -> Hashable:
        """Frames of one size."""
        return tuple(prepared.shape)

    @torch.no_grad()
    def infer(self, items: Tensor, frame_size: tuple[int, int]) -> list[dict[str, np.ndarray]]:
        """Detections of n frames (n, 1, 3, H, W), see :class:`DetectionTeacher`."""
        found = [network(items[:, 0]) for network in self.networks]
        # With one detector its other classes are the objects.
        return [self._columns(hands, objects) for hands, objects in zip(found[0], found[-1])]

    def _columns(self, hands: tuple, objects: tuple) -> dict[str, np.ndarray]:
        hand, hand_score = self._kept(hands, self.hand_score_thr, self.hand_classes)
        rest = set(objects[2]) - self.excluded - self.hand_classes
        held, held_score = self._kept(objects, self.object_score_thr, rest)
        touched = touching(hand, held, self.reach)
        held, held_score = held[touched], held_score[touched]
        return plain_columns(
            np.concatenate([hand, held]),
            np.concatenate([hand_score, held_score]),
            np.repeat([HAND, OBJECT], [len(hand), len(held)]),
        )

    @staticmethod
    def _kept(found: tuple, threshold: float, names: set[str]) -> tuple[np.ndarray, np.ndarray]:
        """Boxes and scores of the named classes, above the threshold and with an area."""
        box, score, classes = found
        kept = (score > threshold) & (box[:, 2:] > box[:, :2]).all(1)
        kept &= np.array([name in names for name in classes], bool)
        return box[kept], score[kept]
