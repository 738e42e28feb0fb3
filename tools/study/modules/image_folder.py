"""Pictures in one folder a class, as clips of one frame."""

from __future__ import annotations

import os
import os.path as osp

from mmaction.datasets import BaseActionDataset
from mmaction.registry import DATASETS

_ENDINGS = ('.jpg', '.jpeg', '.png')


@DATASETS.register_module(force=True)
class ImageFolderDataset(BaseActionDataset):
    """``<folder>/<class>/<picture>``; classes are numbered in the order of their names.

    Rows have ``frame_dir``, ``filename_tmpl`` (the name of the picture), ``total_frames`` 1 and
    ``label``, for ``RawFrameDecode`` after a sampling of one frame.

    Args:
        ann_file: the folder.
        pipeline: transforms.
        **kwargs: of ``BaseActionDataset``.

    Raises:
        ValueError: there is no such folder, or a class without a picture.
    """

    def load_data_list(self) -> list[dict]:
        """One row a picture."""
        root = self.ann_file
        entries = os.scandir(root) if osp.isdir(root) else ()
        classes = sorted(
            entry.name for entry in entries if entry.is_dir() and not entry.name.startswith('.')
        )
        if not classes:
            raise ValueError(f'{root}: expected a folder with one folder of pictures a class')
        rows = []
        for label, name in enumerate(classes):
            folder = osp.join(root, name)
            pictures = sorted(
                file
                for file in os.listdir(folder)
                if file.lower().endswith(_ENDINGS) and not file.startswith('.')
            )
            if not pictures:
                raise ValueError(
                    f'{folder}: holds no picture ({", ".join(_ENDINGS)}); add some or remove the '
                    'class'
                )
            rows += [
                dict(
                    frame_dir=folder,
                    filename_tmpl=file.replace('{', '{{').replace('}', '}}'),
                    total_frames=1,
                    label=label,
                )
                for file in pictures
            ]
        return rows
