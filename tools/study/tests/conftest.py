"""The study's tests share the helpers and options of ``tests``, also where they run alone."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

SHARED = Path(__file__).parents[3] / 'tests' / 'conftest.py'


def pytest_addoption(pluginmanager):
    # pytest names a conftest by its path and loads it once
    if not pluginmanager.has_plugin(str(SHARED)):
        spec = spec_from_file_location('shared_conftest', SHARED)
        shared = module_from_spec(spec)
        spec.loader.exec_module(shared)
        pluginmanager.register(shared, str(SHARED))
