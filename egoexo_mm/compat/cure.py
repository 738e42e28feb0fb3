"""What a cure reports, and how it looks at a host without importing it."""
from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

# The remedy where an op is asked for that the stand-ins lack.
FULL_MMCV = ('pip uninstall -y mmcv mmcv-lite && '
             'pip install "setuptools<82" wheel ninja psutil && '
             'MMCV_WITH_OPS=1 pip install --no-cache-dir --no-build-isolation mmcv==2.1.0')


@dataclass(frozen=True)
class Cure:
    """One cure: whether it changed anything here, and why (or why not)."""
    name: str
    active: bool
    reason: str


def package_dir(name: str) -> Path | None:
    """Folder of an installed top-level package, found without importing it, or None."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # ValueError: a module put into sys.modules by hand
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))
