"""Teacher of the hand map from MediaPipe's palm and landmark networks, which come in a wheel."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmaction.registry import MODELS
from torch import Tensor

from egoexo_mm.checkpoints.reading import sha256_of
from egoexo_mm.checks import check_choice, check_share, first_line
from egoexo_mm.interaction_maps import HAND, SIDES, UNKNOWN

from .detection import DetectionTeacher, plain_columns

INSTALL = (
    'pip install --no-deps mediapipe==0.10.21 absl-py flatbuffers attrs "protobuf>=4.25.3,<5" '
    '(Python 3.9 to 3.12; later wheels carry no networks)'
)
_GRAPH = 'mediapipe/modules/hand_landmark/hand_landmark_tracking_cpu.binarypb'
_NETWORKS = (
    'modules/palm_detection/palm_detection_{}.tflite',
    'modules/hand_landmark/hand_landmark_{}.tflite',
)
# MediaPipe names the side of a mirrored picture, as a phone shows its owner.
_SIDES = {'Left': SIDES.index('right'), 'Right': SIDES.index('left')}


@MODELS.register_module()
class MediaPipeHandTeacher(DetectionTeacher):
    """Hands alone, by the networks in the wheel ``mediapipe==0.10.21``, on the CPU.

    A palm detector proposes hands, a second network finds 21 landmarks of each and refuses what is
    no hand. A box is that of the landmarks, its score that of the palm. No object is found, and
    contact states are unknown: train the hand map only (``loss_held_object`` with ``loss_weight``
    0). Frames are seen one by one; ``batch_size`` changes nothing.

    Args:
        hand_score_thr: Palms must score higher.
        presence_thr: The landmark network must be so sure of a hand.
        side_thr: Below this probability a side is unknown.
        max_hands: Of a frame.
        model: ``'full'`` or ``'lite'``, of both networks.
        squares: Look at overlapping squares of the frame's short side as well. The palm detector
            sees 192 x 192 pixels, and misses small hands of a wide frame; each square costs as much
            as a frame.
        margin: Growth of a box on each side, as a share of its width or height: landmarks lie
            inside the fingers.
        **kwargs: Of :class:`DetectionTeacher`.

    Raises:
        ImportError: Without that wheel.
        ValueError: If an option is impossible.
    """

    def __init__(
        self,
        *,
        hand_score_thr: float = 0.3,
        presence_thr: float = 0.5,
        side_thr: float = 0.8,
        max_hands: int = 4,
        model: str = 'full',
        squares: bool = False,
        margin: float = 0.1,
        name: str | None = None,
        **kwargs: Any,
    ) -> None:
        for option, value in (
            ('hand_score_thr', hand_score_thr),
            ('presence_thr', presence_thr),
            ('side_thr', side_thr),
        ):
            check_share(option, value)
        check_choice('model', model, ('lite', 'full'))
        folder = _folder()
        super().__init__(name=name or f'mediapipe_hands_{model}', **kwargs)
        self.weights_sha256 = sha256_of(folder / _NETWORKS[0].format(model))
        self.hand_score_thr, self.presence_thr = hand_score_thr, presence_thr
        self.side_thr, self.margin, self.squares = side_thr, margin, squares
        self.max_hands = max_hands
        self._options = dict(
            side_inputs=dict(
                model_complexity=int(model == 'full'),
                num_hands=max_hands,
                use_prev_landmarks=False,  # each frame on its own
            ),
            calculator_params={
                'palmdetectioncpu__TensorsToDetectionsCalculator.min_score_thresh': hand_score_thr,
                'handlandmarkcpu__ThresholdingCalculator.threshold': presence_thr,
            },
        )
        self._graph = None
        self.freeze()

    def row_settings(self) -> dict[str, Any]:
        """Thresholds, and what is looked at."""
        names = ('hand_score_thr', 'presence_thr', 'side_thr', 'max_hands', 'squares', 'margin')
        return {name: getattr(self, name) for name in names}

    def prepare(self, pixels: Tensor) -> Tensor:
        """The frames themselves; MediaPipe scales and crops them."""
        return pixels

    @torch.no_grad()
    def infer(self, items: Tensor, frame_size: tuple[int, int]) -> list[dict[str, np.ndarray]]:
        """Detections of n frames (n, 1, 3, H, W), see :class:`DetectionTeacher`."""
        frames = items[:, 0].round().clamp(0, 255) if items.is_floating_point() else items[:, 0]
        frames = frames.to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
        return [self._columns(frame) for frame in frames]

    def _columns(self, frame: np.ndarray) -> dict[str, np.ndarray]:
        if self._graph is None:  # not in the constructor: its threads come after workers are forked
            self._graph = _start(**self._options)
        size = np.array(frame.shape[1::-1])  # width, height
        rows = [self._hands(frame)]
        for low, high in _squares(size) if self.squares else ():
            box, *rest = self._hands(
                np.ascontiguousarray(frame[low[1] : high[1], low[0] : high[0]])
            )
            box = (np.tile(low, 2) + box * np.tile(high - low, 2)) / np.tile(size, 2)
            rows.append((box, *rest))
        box, score, side = map(np.concatenate, zip(*rows))
        kept = _distinct(box, score)
        return plain_columns(box[kept], score[kept], np.full(len(kept), HAND), side[kept])

    def _hands(self, frame: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Box (D, 4), score (D,) and side (D,) of each hand of an (H, W, 3) picture."""
        found = self._graph.process(dict(image=frame))
        marks = [
            [(mark.x, mark.y) for mark in hand.landmark]
            for hand in found.multi_hand_landmarks or ()
        ]
        if not marks:
            return np.zeros((0, 4)), np.zeros(0), np.zeros(0, int)
        low, high = np.min(marks, axis=1), np.max(marks, axis=1)  # (D, 2)
        grown = self.margin * (high - low)
        box = np.concatenate([low - grown, high + grown], axis=1).clip(0, 1)
        sides = [hand.classification[0] for hand in found.multi_handedness]
        side = [_SIDES[x.label] if x.score >= self.side_thr else UNKNOWN for x in sides]
        return box, _palm_scores((low + high) / 2, found.palm_detections), np.array(side)


def _squares(size: np.ndarray) -> list[tuple[np.ndarray, np.ndarray]]:
    """Corners of squares of the short side, spread evenly, that overlap by a third or more."""
    short = size.min()
    count = int(np.ceil((size.max() - short) / (short * 2 / 3))) + 1
    if count == 1:
        return []
    corners = np.rint(np.linspace(0, size - short, count)).astype(int)
    return [(corner, corner + short) for corner in corners]


def _palm_scores(centres: np.ndarray, palms: list[Any]) -> np.ndarray:
    """(D,) score of the palm nearest to each hand's centre (D, 2); the graph does not pair them."""
    places, scores = [], []
    for palm in palms:
        box = palm.location_data.relative_bounding_box
        places.append((box.xmin + box.width / 2, box.ymin + box.height / 2))
        scores.append(palm.score[0])
    distance = np.linalg.norm(centres[:, None] - np.array(places), axis=2)
    return np.array(scores)[distance.argmin(1)].clip(0, 1)


def _distinct(box: np.ndarray, score: np.ndarray, overlap: float = 0.5) -> list[int]:
    """Places of the best boxes, without those that two palms of one hand led to."""
    kept: list[int] = []
    area = np.prod(box[:, 2:] - box[:, :2], axis=1)
    for i in np.argsort(-score, kind='stable'):
        low, high = np.maximum(box[i, :2], box[kept, :2]), np.minimum(box[i, 2:], box[kept, 2:])
        both = np.prod((high - low).clip(0), axis=1)
        if area[i] > 0 and (both <= overlap * (area[i] + area[kept] - both)).all():
            kept.append(int(i))
    return kept


def _folder() -> Path:
    """Folder of the package, which must be of the version that carries the networks."""
    # Its C++ parts report every start on the terminal.
    os.environ.setdefault('GLOG_minloglevel', '2')
    os.environ.setdefault('TF_CPP_MIN_LOG_LEVEL', '2')
    try:
        import mediapipe
        from mediapipe.python import solution_base  # noqa: F401
    except Exception as error:  # besides ImportError: a protobuf or NumPy that does not fit
        python = '.'.join(map(str, sys.version_info[:2]))
        raise ImportError(
            f'MediaPipeHandTeacher: mediapipe does not import on Python {python} '
            f'({first_line(error)}); {INSTALL}. Where that does not install, take BoxTeacher '
            '(configs/teachers/boxes_rtmdet.py)'
        ) from None
    folder = Path(mediapipe.__file__).parent
    missing = [name for name in _NETWORKS if not (folder / name.format('full')).is_file()]
    if missing:
        raise ImportError(
            f'MediaPipeHandTeacher: mediapipe {mediapipe.__version__} carries no hand networks; '
            f'{INSTALL}, or take BoxTeacher (configs/teachers/boxes_rtmdet.py)'
        )
    return folder


def _start(**options: Any) -> Any:
    from mediapipe.python.solution_base import SolutionBase

    outputs = ['multi_hand_landmarks', 'multi_handedness', 'palm_detections']
    return SolutionBase(binary_graph_path=_GRAPH, outputs=outputs, **options)
