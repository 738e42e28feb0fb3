"""Names that numpy 2 removed and the hosts still use.

Broken: mmaction2 1.0 to 1.2 use ``np.Inf``, ``np.NAN``, ``np.in1d`` and ``np.trapz`` (pose
transforms, AVA and multimodal metrics, ``mean_average_precision``). numpy 2.0 dropped the first two
and numpy 2.4 the others. ``np.NaN`` and ``np.float_`` are gone too; code written beside these hosts
uses them. (mmdet's and mmcv's ``np.float`` has been missing since numpy 1.24 and stays missing.)
Workaround: each missing name is set on numpy to what it always meant.
Inactive: where numpy has all of them (numpy < 2).
Delete: once the oldest mmaction2 that we support runs on numpy 2 by itself.
"""

from __future__ import annotations

import warnings
from typing import Any

from .workaround import Workaround, package_dir

NAME = 'names that numpy 2 removed'
# Removed name -> the one that every numpy has.
_ALIASES = {'Inf': 'inf', 'NaN': 'nan', 'NAN': 'nan', 'float_': 'float64'}


def apply() -> Workaround:
    """Set the names that this numpy lacks."""
    if package_dir('numpy') is None:
        return Workaround(NAME, False, 'numpy is not installed')
    import numpy as np

    with warnings.catch_warnings():
        warnings.simplefilter('ignore')  # numpy 2.0 to 2.3 warn of trapz and in1d
        missing = {name: value for name, value in _answers(np).items() if not hasattr(np, name)}
    for name, value in missing.items():
        setattr(np, name, value)
    if not missing:
        return Workaround(NAME, False, f'numpy {np.__version__} has them')
    return Workaround(
        NAME,
        True,
        f'numpy {np.__version__} lacks {", ".join(sorted(missing))}; they were set again',
    )


def _answers(np: Any) -> dict:
    def in1d(ar1: Any, ar2: Any, **options: Any) -> Any:
        """``np.isin`` of the flattened array."""
        return np.isin(np.ravel(ar1), ar2, **options)

    answers = {old: getattr(np, new) for old, new in _ALIASES.items()}
    return dict(answers, in1d=in1d, trapz=getattr(np, 'trapezoid', None) or np.trapz)
