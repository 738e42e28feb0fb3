"""The ``result.json`` of the Hands23 detector (Cheng et al. 2023) into boxes of videos.

``images`` lists ``{"file_name", "predictions": [...]}``. A prediction is a hand: ``hand_bbox`` and
``hand_pred_score``, ``hand_side`` (``left_hand``, ``right_hand``), ``contact_state``
(``no_contact``, ``self_contact``, ``other_person_contact``, ``object_contact``) and, where it holds
something, ``obj_bbox`` and ``obj_pred_score``. Boxes are corners in pixels, numbers are texts, and
what lacks is ``null`` or ``"None"``. The size of the images is not in the file. Source of the
format: README and example of the detector, in the copy https://github.com/jacintosuner/hands23_detector
"""

from __future__ import annotations

import math
from pathlib import Path

from egoexo_mm.interaction_maps import HAND, OBJECT, UNKNOWN
from egoexo_mm.untrusted import quote

from ..store.errors import TargetStoreError
from .frame_sizes import SizeOf
from .video_boxes import FrameNames, VideoBoxes, read_json, take, take_box, take_score

_SIDES = {'left_hand': 0, 'right_hand': 1}
# Whether a touched object can be moved is not said, so that state is unknown in a store.
_CONTACTS = {
    'no_contact': 0,
    'self_contact': 1,
    'other_person_contact': 2,
    'object_contact': UNKNOWN,
}
_NOTHING = (None, 'None')


def read_hands23(
    path: str | Path, size_of: SizeOf, *, names: FrameNames | None = None, fps: float = 0.0
) -> dict[str, VideoBoxes]:
    """Boxes by video id: hands and the objects in them.

    The second object, which the held one touches, is left out.

    Args:
        path: The file.
        size_of: Frame size per video id, see :mod:`.frame_sizes`.
        names: How an image name tells video and frame.
        fps: Frame rate where ``size_of`` knows none; 0 is unknown.

    Raises:
        TargetStoreError: The file is damaged, of another format, or has a box outside its frame.
    """
    names = names or FrameNames()
    videos: dict[str, VideoBoxes] = {}
    for i, image in enumerate(take(read_json(path), 'images', list, str(path))):
        where = f'{path}, images[{i}]'
        video_id, frame = names.split(take(image, 'file_name', str, where), where)
        if video_id not in videos:
            size = size_of(video_id)
            videos[video_id] = VideoBoxes(size._replace(fps=size.fps or fps))
        for j, hand in enumerate(take(image, 'predictions', list, where)):
            _add(videos[video_id], frame, hand, f'{where} predictions[{j}]')
    return videos


def _add(boxes: VideoBoxes, frame: int, hand: dict, where: str) -> None:
    box = take_box(take(hand, 'hand_bbox', list, where), boxes.size[:2], where, name='hand_bbox')
    side = _choice(hand, 'hand_side', _SIDES, where)
    contact = _choice(hand, 'contact_state', _CONTACTS, where)
    offset = math.nan, math.nan
    if hand.get('obj_bbox') not in _NOTHING:
        held = take_box(hand['obj_bbox'], boxes.size[:2], where, name='obj_bbox')
        offset = box.offset(held)
        boxes.add(frame, OBJECT, held, score=_score(hand, 'obj_pred_score', where))
    score = _score(hand, 'hand_pred_score', where)
    boxes.add(frame, HAND, box, score=score, side=side, contact=contact, offset=offset)


def _choice(hand: dict, name: str, choices: dict[str, int], where: str) -> int:
    value = take(hand, name, str, where)
    if value not in choices:
        raise TargetStoreError(
            f'{where}: {name} is {quote(value)}, expected one of {", ".join(choices)}; make the '
            "file with the detector's demo.py"
        )
    return choices[value]


def _score(hand: dict, name: str, where: str) -> float:
    value = hand.get(name)
    return 1.0 if value in _NOTHING else take_score(value, where, name)
