"""Names of Shan et al.'s hand-object detector in mmdet. Needs no mmdet.

The detector is a PyTorch Faster R-CNN with ResNet-101 C4, trained on 100DOH and egocentric video.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from egoexo_mm.untrusted import quote

from .matching import compare
from .reading import read_checkpoint, weights_of

ORIGIN = "checkpoint of Shan et al.'s hand-object detector"
# The published model that was trained on 100DOH alone is named after its last step.
_NOT_EGO = '89999'
_NUM_ANCHORS = 12
_STAGES = {  # original prefix: (mmdet prefix, bottlenecks)
    'RCNN_base.4': ('backbone.layer1', 3),
    'RCNN_base.5': ('backbone.layer2', 4),
    'RCNN_base.6': ('backbone.layer3', 23),
    'RCNN_top.0': ('roi_head.shared_head.layer4', 3),
}
_LAYERS = {  # original: (mmdet, shape of the weight)
    'RCNN_rpn.RPN_Conv': ('rpn_head.rpn_conv', (512, 1024, 3, 3)),
    'RCNN_rpn.RPN_cls_score': ('rpn_head.rpn_cls', (2 * _NUM_ANCHORS, 512, 1, 1)),
    'RCNN_rpn.RPN_bbox_pred': ('rpn_head.rpn_reg', (4 * _NUM_ANCHORS, 512, 1, 1)),
    'RCNN_cls_score': ('roi_head.bbox_head.fc_cls', (3, 2048)),
    'RCNN_bbox_pred': ('roi_head.bbox_head.fc_reg', (12, 2048)),
    'extension_layer.hand_contact_state_layer.0': ('roi_head.hand_head.contact.0', (32, 2048)),
    'extension_layer.hand_contact_state_layer.3': ('roi_head.hand_head.contact.3', (5, 32)),
    'extension_layer.hand_dydx_layer': ('roi_head.hand_head.offset', (3, 2048)),
    'extension_layer.hand_lr_layer': ('roi_head.hand_head.side', (1, 2048)),
}


def read_weights(path: str | Path) -> tuple[dict[str, Tensor], str]:
    """Weights of a detector in mmdet names, from a checkpoint of mmdet or of the original code.

    Returns:
        The weights, and the name of the file that they were first saved as, if it is recorded.

    Raises:
        ValueError: No such file, unsafe, damaged, or not such a checkpoint. Names the path.
    """
    checkpoint = read_checkpoint(path)
    if 'state_dict' not in checkpoint and 'model' in checkpoint:
        weights = original_weights(checkpoint, path)
        try:
            return to_mmdet(weights), Path(path).name
        except ValueError as error:
            raise ValueError(f'{path}: {error}') from None
    weights = weights_of(checkpoint, 'state_dict', path)
    meta = checkpoint.get('meta')
    recorded = meta.get('converted_from') if isinstance(meta, dict) else None
    return weights, str(recorded or Path(path).name)[:1000]


def original_weights(
    checkpoint: dict[str, Any], path: str | Path, key: str = 'model'
) -> dict[str, Tensor]:
    """Weights of a checkpoint of the original code, in its own names.

    Args:
        checkpoint: Content of the file.
        path: Of the file, for messages.
        key: Where the weights are.

    Raises:
        ValueError: There are none, or the model was trained with another pooling than the one that
            ``configs/teachers`` builds.
    """
    weights = weights_of(checkpoint, key, path, ORIGIN)
    pooling = checkpoint.get('pooling_mode', 'align')
    if pooling != 'align':
        raise ValueError(
            f'{path}: pooling_mode is {quote(pooling)}; expected a model trained with RoIAlign '
            "('align')"
        )
    return weights


def ego_warning(name: str) -> str | None:
    """A warning of weights that do poorly on egocentric video, by the name of their file."""
    if _NOT_EGO not in name:
        return None
    return (
        'by its name this model saw no egocentric video; its published All-AP there is 12.7, '
        'against 46.3 of faster_rcnn_1_8_132028.pth'
    )


def to_mmdet(weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Rename and reorder the original weights.

    The original RPN has all background channels before all foreground channels; mmdet has
    foreground, background for each anchor. The original box head starts with the background;
    mmdet's class scores end with it and its box deltas have none.

    Raises:
        ValueError: A weight is missing, unknown or of another shape. Names no file.
    """
    names = dict(_names())
    expected: dict[str, tuple[int, ...] | None] = dict.fromkeys(names)
    for old, (_, shape) in _LAYERS.items():
        expected.update({f'{old}.weight': shape, f'{old}.bias': shape[:1]})
    misfit = compare(weights, expected)
    if misfit:
        raise ValueError(
            f"has {misfit}; expected the weights of Shan et al.'s hand-object detector with "
            f'ResNet-101, 3 classes and {_NUM_ANCHORS} anchors'
        )
    return {
        names[old]: _REORDER.get(old.rpartition('.')[0], _same)(value)
        for old, value in weights.items()
    }


def _names() -> Iterator[tuple[str, str]]:
    """(original, mmdet) name of every weight."""
    yield 'RCNN_base.0.weight', 'backbone.conv1.weight'
    yield from _norm('RCNN_base.1', 'backbone.bn1')
    for old_stage, (new_stage, blocks) in _STAGES.items():
        for block in range(blocks):
            old, new = f'{old_stage}.{block}', f'{new_stage}.{block}'
            for i in (1, 2, 3):
                yield f'{old}.conv{i}.weight', f'{new}.conv{i}.weight'
                yield from _norm(f'{old}.bn{i}', f'{new}.bn{i}')
            if block == 0:
                yield f'{old}.downsample.0.weight', f'{new}.downsample.0.weight'
                yield from _norm(f'{old}.downsample.1', f'{new}.downsample.1')
    for old, (new, _) in _LAYERS.items():
        yield from ((f'{old}.{kind}', f'{new}.{kind}') for kind in ('weight', 'bias'))


def _norm(old: str, new: str) -> Iterator[tuple[str, str]]:
    for kind in ('weight', 'bias', 'running_mean', 'running_var', 'num_batches_tracked'):
        yield f'{old}.{kind}', f'{new}.{kind}'


def _pair_by_anchor(rows: Tensor) -> Tensor:
    background, foreground = rows.chunk(2)
    return torch.stack([foreground, background], dim=1).flatten(0, 1)


def _same(rows: Tensor) -> Tensor:
    return rows


_REORDER: dict[str, Callable[[Tensor], Tensor]] = {
    'RCNN_rpn.RPN_cls_score': _pair_by_anchor,
    'RCNN_cls_score': lambda rows: rows.roll(-1, 0),
    # a copy, or the file would keep the storage of all rows
    'RCNN_bbox_pred': lambda rows: rows[4:].clone(),
}
