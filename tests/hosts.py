"""Marks of tests that need what older hosts lack."""

import importlib.metadata

import pytest
from mmengine.utils import digit_version


def needs(package: str, version: str, what: str):
    """Skip below a version of ``mmaction2`` or ``torch``, which lacks ``what``."""
    older = digit_version(importlib.metadata.version(package)) < digit_version(version)
    return pytest.mark.skipif(older, reason=f'{package} {version} brought {what}')
