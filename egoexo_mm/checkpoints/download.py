"""Checkpoints by URL: downloaded once, only when a config names a URL."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import torch

from egoexo_mm.checks import first_line


def local_file(checkpoint: str | Path) -> Path:
    """The file of a checkpoint.

    Args:
        checkpoint: A path, which is returned as it is, or an ``http(s)`` URL. Its file is kept in
            ``$TORCH_HOME/hub/checkpoints``. Where the name ends in ``-`` and eight or more
            hexadecimal digits, as on the OpenMMLab site, they must begin the file's SHA-256.

    Raises:
        ValueError: The download failed, or the file is another one.
    """
    if not str(checkpoint).startswith(('http://', 'https://')):
        return Path(checkpoint)
    name = Path(urlsplit(str(checkpoint)).path).name
    path = Path(torch.hub.get_dir(), 'checkpoints', name)
    if not path.is_file():
        path.parent.mkdir(parents=True, exist_ok=True)
        digits = re.search(r'-([0-9a-f]{8,})$', path.stem)
        try:
            torch.hub.download_url_to_file(
                str(checkpoint), str(path), digits and digits[1], progress=False
            )
        except (OSError, RuntimeError) as error:
            raise ValueError(
                f'{checkpoint}: cannot be downloaded ({first_line(error)}); copy the file from a '
                'machine with network and set checkpoint to its path'
            ) from None
    return path
