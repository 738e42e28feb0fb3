"""Marks of tests that need what some setups lack."""

import importlib.metadata
import importlib.util

import pytest
import torch
import torch.nn.functional as F
from mmengine.utils import digit_version

with_pyav = pytest.mark.skipif(
    not importlib.util.find_spec('av'), reason='needs what PyAV tells of a file'
)
BUILT = r'^(class .*: )?'  # what mmengine before 0.8.3 puts before errors of what it builds


def needs(package: str, version: str, what: str):
    """Skip below a version of ``mmaction2`` or ``torch``, which lacks ``what``."""
    older = digit_version(importlib.metadata.version(package)) < digit_version(version)
    return pytest.mark.skipif(older, reason=f'{package} {version} brought {what}')


def one_hot_on_meta() -> bool:
    """Whether this PyTorch makes one-hot vectors on the meta device; 2.1 reads the labels."""
    try:
        F.one_hot(torch.zeros(1, dtype=torch.long, device='meta'), 2)
    except RuntimeError:
        return False
    return True
