"""The modules of the package that need the standard library only, without the package around them, which needs PyTorch.

``import _light`` makes ``egoexo_light.video.ffmpeg``, ``egoexo_light.video_lists`` and the like importable: from the
checkout that these scripts are in, or else from an installed package.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[2]


def _package() -> Path:
    beside = CHECKOUT / 'egoexo_mm'
    spec = (
        None if beside.is_dir() else importlib.util.find_spec('egoexo_mm')
    )  # which runs nothing of it
    return (
        Path(list(spec.submodule_search_locations)[0])
        if spec and spec.submodule_search_locations
        else beside
    )


def _enter(name: str, folder: Path) -> None:
    """A package of this name whose ``__init__`` is not run."""
    if name not in sys.modules:
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(folder)]


_enter('egoexo_light', _package())
_enter('egoexo_light.video', _package() / 'video')
if not (_package() / 'video/ffmpeg.py').is_file():
    sys.exit(
        f'{Path(sys.argv[0]).stem}: error: {_package() / "video/ffmpeg.py"}: no such file; run the script from a '
        'checkout of egoexo_mm, or install the package'
    )
