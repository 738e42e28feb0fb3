"""``python -m egoexo_mm.doctor``: what is installed, worked around and wrong, and how to repair it.

Works with any package missing or broken. Exit code 0 when training can run, 1 when it cannot.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.metadata
import io
import platform
import re
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from egoexo_mm import compat, doctor_trials
from egoexo_mm.compat.mmcv_ext import compiled_ops_exist
from egoexo_mm.compat.workaround import FULL_MMCV, package_dir, torch_family_command

# Row of the report -> (module, distributions that may provide it).
PACKAGES = {
    'torch': ('torch', ['torch']),
    'torchvision': ('torchvision', ['torchvision']),
    'mmengine': ('mmengine', ['mmengine', 'mmengine-lite']),
    'mmcv': ('mmcv', ['mmcv', 'mmcv-lite']),
    'mmaction2': ('mmaction', ['mmaction2']),
    'mmdet': ('mmdet', ['mmdet']),
    'numpy': ('numpy', ['numpy']),
    'opencv': (
        'cv2',
        [
            'opencv-python',
            'opencv-contrib-python',
            'opencv-python-headless',
            'opencv-contrib-python-headless',
        ],
    ),
    'pyarrow': ('pyarrow', ['pyarrow']),
    'decord': ('decord', ['decord', 'decord2']),
    'PyAV': ('av', ['av']),
    'torchcodec': ('torchcodec', ['torchcodec']),
}
DECODERS = ('decord', 'PyAV', 'torchcodec')
# What training needs, and the release that the project was checked with.
NEEDED = {
    'torch': 'pip install torch==2.13.0',
    'mmengine': 'pip install mmengine==0.10.7',
    'mmcv': 'pip install mmcv-lite==2.1.0',
    'mmaction2': 'pip install mmaction2==1.2.0',
    'numpy': 'pip install numpy',
    'opencv': 'pip install opencv-python',
    'pyarrow': 'pip install "pyarrow>=14.0.1"',
}
# The lowest version that works and the first that does not, None if unknown; mmcv is below.
RANGES = {
    'torch': ((2, 0, 0), None),
    'mmengine': ((0, 8, 0), (1, 0, 0)),
    'mmaction2': ((1, 0, 0), (2, 0, 0)),
    'mmdet': ((3, 0, 0), (3, 4, 0)),
}


@dataclass(frozen=True)
class Problem:
    """A sentence, the command that repairs it, and whether training has to wait for that."""

    sentence: str
    remedy: str
    stops_training: bool


@dataclass
class Facts:
    """What the doctor found; a test can make one up.

    ``versions`` maps a row of ``PACKAGES`` to ``{distribution: version}``, empty where it is not
    installed. ``broken`` maps what is installed but fails to the error's text.
    """

    versions: dict[str, dict[str, str]]
    broken: dict[str, str] = field(default_factory=dict)
    gpus: list[str] = field(default_factory=list)
    backends: list[str] = field(default_factory=list)
    cures: list[compat.Cure] = field(default_factory=list)
    ops: str = ''
    optimizer: str = ''
    checkpoint: str = ''

    def has(self, name: str) -> bool:
        """Whether a package is installed and imports."""
        return bool(self.versions.get(name)) and name not in self.broken


def gather() -> Facts:
    """Import this interpreter's packages, look at its devices and try the detector's ops."""
    facts = Facts({name: find_versions(*where) for name, where in PACKAGES.items()})
    with _silence():
        facts.cures = compat.active_cures()
    for name in PACKAGES:
        if facts.versions[name] and name not in ('mmaction2', 'mmdet'):  # these follow the others
            _attempt(facts, name, lambda module=PACKAGES[name][0]: importlib.import_module(module))
    if facts.has('torch'):
        facts.gpus, facts.backends = _attempt(facts, 'devices', _devices) or ([], [])
    if facts.versions['mmaction2']:
        _attempt(facts, 'mmaction2', compat.import_mmaction_models)
        _attempt(facts, 'egoexo_mm', _import_own_modules)
    if facts.has('torch') and facts.has('mmaction2') and 'egoexo_mm' not in facts.broken:
        _attempt(facts, 'config', doctor_trials.try_config)
        facts.optimizer = _attempt(facts, 'optimizer', doctor_trials.try_optimizer) or ''
        facts.checkpoint = _attempt(facts, 'checkpoint', doctor_trials.try_checkpoint) or ''
    if facts.has('mmcv'):
        facts.ops = _attempt(facts, 'detector ops', _try_ops) or ''
    if facts.versions['mmdet']:
        _attempt(facts, 'mmdet', lambda: importlib.import_module('mmdet.models'))
    return facts


def find_versions(module: str, distributions: list[str]) -> dict[str, str]:
    """``{distribution: version}`` of those installed; a checkout counts under its module."""
    found = {}
    for name in distributions:
        with contextlib.suppress(importlib.metadata.PackageNotFoundError):
            found[name] = importlib.metadata.version(name)
    if not found and package_dir(module) is not None:
        with contextlib.suppress(Exception), _silence():
            found[module] = importlib.import_module(module).__version__
        found.setdefault(module, 'unknown')
    return found


def find_problems(facts: Facts) -> list[Problem]:
    """Everything that is wrong, the worst first."""
    found = [
        *_missing(facts),
        *_wrong_versions(facts),
        *_failed_trials(facts),
        *_no_reader(facts),
        *_detector(facts),
    ]
    return sorted(found, key=lambda problem: not problem.stops_training)


def _missing(facts: Facts) -> list[Problem]:
    found = []
    for name, remedy in NEEDED.items():
        if not facts.versions.get(name):
            found.append(Problem(f'{name} is not installed', remedy, True))
        elif name in facts.broken:
            found.append(
                Problem(f'{name} does not import: {facts.broken[name]}', _remedy(facts, name), True)
            )
    # mmaction2 cannot import where another package is missing or wrong: name the cause only.
    hosts = [problem for problem in found if not problem.sentence.startswith('mmaction2 does not')]
    found = hosts if hosts or _mmcv_out_of_range(facts) else found
    if not found and 'egoexo_mm' in facts.broken:
        found.append(
            Problem(
                f'egoexo_mm does not import: {facts.broken["egoexo_mm"]}',
                _remedy(facts, 'egoexo_mm'),
                True,
            )
        )
    return found


def _remedy(facts: Facts, name: str) -> str:
    """Command for a package that is installed but does not import; none replaces torch."""
    torch = next(iter(facts.versions.get('torch', {}).values()), None)
    absent = re.search(r"No module named '(\w+)", facts.broken[name])
    if absent and absent.group(1) == 'torchvision':
        return torch_family_command('torchvision', torch)
    if absent:
        return f'pip install --no-deps {absent.group(1)}'
    if name == 'torch':
        return torch_family_command('torch', torch).replace('install', 'install --force-reinstall')
    pins = [
        f'{dist}=={version}'
        for dist, version in facts.versions.get(name, {}).items()
        if version != 'unknown'
    ] or [name]
    return f'pip install --force-reinstall --no-deps {" ".join(pins)}'


def _mmcv_out_of_range(facts: Facts) -> bool:
    return any(
        not (2, 0, 0) <= _numbers(version) < (2, 2, 0)
        for version in facts.versions.get('mmcv', {}).values()
        if version != 'unknown'
    )


def _wrong_versions(facts: Facts) -> list[Problem]:
    found = []
    mmcv = facts.versions.get('mmcv', {})
    if _mmcv_out_of_range(facts):
        listed = ', '.join(f'{name} {version}' for name, version in mmcv.items())
        found.append(
            Problem(
                f'mmaction2 takes mmcv >=2.0.0rc4, <2.2.0, but {listed} is installed',
                f'pip uninstall -y {" ".join(mmcv)} && {NEEDED["mmcv"]}',
                True,
            )
        )
    elif len(mmcv) > 1:
        found.append(
            Problem(
                'mmcv and mmcv-lite are both installed and overwrite each other',
                f'pip uninstall -y mmcv mmcv-lite && {NEEDED["mmcv"]}',
                False,
            )
        )
    for name, (lowest, above) in RANGES.items():
        for version in facts.versions.get(name, {}).values():
            if (
                version == 'unknown'
                or lowest <= _numbers(version)
                and not (above and _numbers(version) >= above)
            ):
                continue
            wanted = f'{name} >={_dotted(lowest)}' + (f', <{_dotted(above)}' if above else '')
            found.append(
                Problem(
                    f'egoexo_mm takes {wanted}, but {version} is installed',
                    _other_version(name),
                    name != 'mmdet',
                )
            )
    return found


def _other_version(name: str) -> str:
    if name == 'torch':  # the doctor never replaces it
        return 'make another environment with torch 2.0 or newer'
    return NEEDED.get(name, 'pip install --no-deps mmdet==3.3.0')


def _failed_trials(facts: Facts) -> list[Problem]:
    found = []
    if 'config' in facts.broken:
        found.append(
            Problem(
                'MMEngine cannot write a config as text, as each run does: '
                f'{facts.broken["config"]}',
                'pip install "yapf<0.40.2", or mmengine==0.10.7',
                True,
            )
        )
    if 'optimizer' in facts.broken:
        found.append(
            Problem(
                'the optimizer of the shipped schedules cannot make a step here: '
                f'{facts.broken["optimizer"]}',
                "set optim_wrapper = dict(optimizer=dict(type='SGD')) in your config",
                True,
            )
        )
    if 'checkpoint' in facts.broken:
        found.append(
            Problem(
                'a checkpoint that MMEngine writes cannot be read here, so nothing can be resumed, '
                f'tested or exported: {facts.broken["checkpoint"]}',
                f'{NEEDED["mmengine"]} (or another version of torch, which is yours to choose)',
                True,
            )
        )
    return found


def _no_reader(facts: Facts) -> list[Problem]:
    found = [
        Problem(
            f'{name} is installed but does not import: {facts.broken[name]}',
            'pip install decord==0.6.0' if name == 'decord' else f'pip uninstall -y {name.lower()}',
            False,
        )
        for name in DECODERS
        if facts.versions.get(name) and name in facts.broken
    ]
    if not facts.has('PyAV') and not facts.has('decord'):
        found.append(
            Problem(
                'neither PyAV, which the configs read video with, nor decord is installed; OpenCV '
                'reads video slowly, and not every file',
                'pip install av',
                False,
            )
        )
    return found


def _detector(facts: Facts) -> list[Problem]:
    found = []
    if 'detector ops' in facts.broken and not _mmcv_out_of_range(facts):
        found.append(Problem(f'nms fails here: {facts.broken["detector ops"]}', FULL_MMCV, False))
    if 'mmdet' in facts.broken and not _mmcv_out_of_range(facts) and not _missing(facts):
        found.append(
            Problem(
                'mmdet, which only the hand-object teacher needs, does not import: '
                f'{facts.broken["mmdet"]}',
                _remedy(facts, 'mmdet'),
                False,
            )
        )
    return found


def report(facts: Facts, problems: list[Problem]) -> str:
    """The whole report as text."""
    rows: list[tuple[str, str]] = [('', 'Versions'), ('python', platform.python_version())]
    for name in PACKAGES:
        installed = ', '.join(
            f'{dist} {version}' if dist != name else version
            for dist, version in facts.versions.get(name, {}).items()
        )
        broken = f' (does not import: {facts.broken[name]})' if name in facts.broken else ''
        rows.append((name, (installed or 'not installed') + broken))
    rows += [
        ('', 'Devices'),
        ('GPUs', f'{len(facts.gpus)}'),
        *((f'GPU {index}', name) for index, name in enumerate(facts.gpus)),
        ('collectives', ', '.join(facts.backends) or 'none'),
    ]
    rows += [('', 'Workarounds')]
    rows += [
        ('active' if cure.active else 'inert', f'{cure.name}: {cure.reason}')
        for cure in facts.cures
    ]
    usable = ', '.join(name for name in DECODERS if facts.has(name))
    mmdet = f'can run, with {facts.ops}' if facts.has('mmdet') and facts.ops else 'cannot run'
    rows += [
        ('', 'What works'),
        ('video readers', usable or 'none'),
        ('nms, roi_align', facts.ops or 'none'),
        ('mmdet', mmdet),
        ('optimizer', facts.optimizer or 'none'),
        ('checkpoints', facts.checkpoint or 'none'),
    ]
    lines = [text if not label else f'  {label:<15} {text}' for label, text in rows]
    lines.append(f'Problems: {len(problems) or "none"}')
    for index, problem in enumerate(problems, 1):
        weight = 'stops training' if problem.stops_training else 'training runs without it'
        lines += [f'  {index}. {problem.sentence} ({weight})', f'     remedy: {problem.remedy}']
    stopped = any(problem.stops_training for problem in problems)
    return '\n'.join([*lines, 'Training cannot run yet.' if stopped else 'Training can run.'])


def main() -> int:
    """Print the report; 0 when training can run, else 1."""
    facts = gather()
    problems = find_problems(facts)
    print(report(facts, problems))
    return int(any(problem.stops_training for problem in problems))


@contextlib.contextmanager
def _silence() -> Any:
    quiet = io.StringIO()
    with (
        warnings.catch_warnings(),
        contextlib.redirect_stdout(quiet),
        contextlib.redirect_stderr(quiet),
    ):
        warnings.simplefilter('ignore')
        yield


def _attempt(facts: Facts, name: str, action: Callable[[], Any]) -> Any:
    """The action's result; if it raises, None, with the error noted as ``facts.broken[name]``."""
    try:
        with _silence():
            return action()
    except Exception as error:  # any host may fail in any way, and the doctor goes on
        lines = str(error).strip().splitlines() or ['no message']
        facts.broken[name] = f'{type(error).__name__}: {lines[0]}'
        return None


def _import_own_modules() -> None:
    for name in ('datasets', 'engine', 'models'):
        importlib.import_module(f'egoexo_mm.{name}')


def _devices() -> tuple[list[str], list[str]]:
    """Names of the GPUs, and the usable ones of nccl and gloo."""
    import torch
    from torch import distributed

    count = torch.cuda.device_count() if torch.cuda.is_available() else 0
    gpus = [torch.cuda.get_device_name(index) for index in range(count)]
    if not distributed.is_available():
        return gpus, []
    usable = {
        'nccl': bool(gpus) and distributed.is_nccl_available(),
        'gloo': distributed.is_gloo_available(),
    }
    return gpus, [name for name, works in usable.items() if works]


def _try_ops() -> str:
    """Run mmcv's nms on two boxes of IoU 1/3, on the GPU if there is one; who did the work."""
    import torch
    from mmcv.ops import nms

    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    boxes = torch.tensor([[0.0, 0.0, 10.0, 10.0], [5.0, 0.0, 15.0, 10.0]], device=device)
    _, kept = nms(boxes, torch.tensor([0.5, 0.9], device=device), 0.3)
    if kept.tolist() != [1]:
        raise RuntimeError(f'nms kept boxes {kept.tolist()} where it has to keep [1]')
    if compiled_ops_exist():
        return 'compiled ops of mmcv'
    from egoexo_mm.compat.ops import backend_name

    return f'the stand-in for mmcv._ext, on {backend_name()}'


def _dotted(numbers: tuple[int, ...]) -> str:
    return '.'.join(map(str, numbers[:2]))


def _numbers(version: str) -> tuple[int, ...]:
    """``'2.0.0rc4+cpu'`` -> (2, 0, 0); what is no number counts as 0."""
    release = re.match(r'\d+(\.\d+)*', version)
    numbers = [int(part) for part in release.group().split('.')] if release else []
    return tuple((numbers + [0, 0, 0])[:3])


if __name__ == '__main__':
    sys.exit(main())
