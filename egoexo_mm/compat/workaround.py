"""What a workaround reports, and how it looks at a host without importing it."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path

# What to do where an op is asked for that the stand-ins lack.
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


def torchvision_command() -> str:
    """The pip command for the torchvision of this torch, which leaves torch alone.

    torchvision 0.(n + 15) belongs to torch 2.n; a build such as ``+cpu`` has its own index.
    """
    return torch_family_command('torchvision')


def torch_family_command(package: str, torch: str | None = None) -> str:
    """``pip install --no-deps`` of torch itself or of torchvision, at the build of ``torch``."""
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
