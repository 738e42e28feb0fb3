"""Labels that a loss can use."""

from __future__ import annotations

from mmaction.utils import SampleList

_NAMES = ('narration_id', 'segment_id', 'clip_uid', 'video_id')


def check_labelled(data_samples: SampleList) -> None:
    """Refuse samples of an unlabelled split (class ids of -1) before the device asserts on them.

    Labels that are already on an accelerator are not looked at, since that would wait for it.
    ``EgoExoDataPreprocessor`` looks before they move there.

    Raises:
        ValueError: For such a sample, by name.
    """
    for sample in data_samples:
        label = sample.get('gt_label')
        if label is None or (label.device.type == 'cpu' and bool((label < 0).any())):
            names = (f'{key} {sample.get(key)}' for key in _NAMES if sample.get(key) is not None)
            found = 'none' if label is None else label.tolist()
            raise ValueError(
                f'{next(names, "a sample")}: expected class ids from 0 as labels of a training '
                f'sample, got {found}; train on an annotated split'
            )
