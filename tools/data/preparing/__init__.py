"""What the prepare scripts share; standard library only.

``import preparing`` makes the modules of ``egoexo_mm`` that need the standard library only
importable as ``egoexo_light.video.ffmpeg`` and the like. The package itself is not imported,
because it needs PyTorch. They come from the checkout around these scripts, or else from an
installed package.
"""

from __future__ import annotations

import importlib.util
import sys
import types
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[3]


def _package() -> Path:
    beside = CHECKOUT / 'egoexo_mm'
    if not beside.is_dir():
        spec = importlib.util.find_spec('egoexo_mm')  # runs nothing of the package
        if spec and spec.submodule_search_locations:
            return Path(spec.submodule_search_locations[0])
    return beside


def _enter(name: str, folder: Path) -> None:
    """Make a package of this name whose ``__init__`` is not run."""
    if name not in sys.modules:
        sys.modules[name] = types.ModuleType(name)
        sys.modules[name].__path__ = [str(folder)]


_FOLDER = _package()
_enter('egoexo_light', _FOLDER)
_enter('egoexo_light.video', _FOLDER / 'video')
if not (_FOLDER / 'video/ffmpeg.py').is_file():
    sys.exit(
        f'{Path(sys.argv[0]).stem}: error: {_FOLDER / "video/ffmpeg.py"}: no such file; '
        'run the script from a checkout of egoexo_mm, or install the package'
    )
