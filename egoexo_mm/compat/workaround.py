"""What workarounds share: their report, wrapping a function, a look at packages on the disk."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import inspect
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# The remedy for an op that the stand-ins lack.
FULL_MMCV = (
    'pip uninstall -y mmcv mmcv-lite && '
    'pip install "setuptools<82" wheel ninja psutil && '
    'MMCV_WITH_OPS=1 pip install --no-cache-dir --no-build-isolation mmcv==2.1.0'
)


@dataclass(frozen=True)
class Workaround:
    """One workaround: whether it changed anything here, and why (or why not)."""

    name: str
    active: bool
    reason: str


Cure = Workaround  # former name


def wrap(owner: Any, name: str, around: Callable) -> None:
    """Replace a function of a host.

    Args:
        owner: Module or class.
        name: Of the function or method.
        around: Is called in its place, with the original before the arguments.
    """
    original = getattr(owner, name)

    @functools.wraps(original)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        return around(original, *args, **kwargs)

    static = isinstance(inspect.getattr_static(owner, name), staticmethod)
    setattr(owner, name, staticmethod(wrapped) if static else wrapped)


def package_dir(name: str) -> Path | None:
    """Folder of an installed top-level package, found without importing it, or None."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # ValueError: a module put into sys.modules by hand
        return None
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def installed_torch() -> str | None:
    """Version of the installed torch with its build, such as ``2.13.0+cpu``; None without one."""
    try:
        return importlib.metadata.version('torch')
    except importlib.metadata.PackageNotFoundError:
        return None


def torch_family_command(package: str, torch: str | None = None) -> str:
    """``pip install --no-deps`` of torch itself or of torchvision, at the build of ``torch``.

    torchvision 0.(n + 15) belongs to torch 2.n; a build such as ``+cpu`` has its own index.
    """
    torch = torch or installed_torch() or ''
    release, _, build = torch.partition('+')
    minor = re.match(r'2\.(\d+)', release)
    version = f'0.{int(minor[1]) + 15}.*' if package == 'torchvision' and minor else release
    pinned = f'"{package}=={version}"' if version and (package == 'torch' or minor) else package
    index = (
        f' --index-url https://download.pytorch.org/whl/{build}'
        if re.match(r'cpu$|cu\d+$|rocm', build)
        else ''
    )
    return f'pip install --no-deps {pinned}{index}'
