"""mmengine 0.8 writes configs as text beside a current yapf."""

import pytest
from mmengine.config import Config, config

from egoexo_mm.compat import yapf_verify


@pytest.fixture
def of_mmengine_08(monkeypatch):
    """``mmengine.config.config`` of 0.8.0: it does not ask for the version of yapf."""
    monkeypatch.delattr(config, 'yapf', raising=False)
    monkeypatch.setattr(config, 'FormatCode', config.FormatCode)


def format_old(text, style_config=None, verify=False):
    return text, False


def test_an_argument_that_this_yapf_lacks_is_left_out(of_mmengine_08, monkeypatch):
    said = []

    def format_new(text, style_config=None):
        said.append(style_config)
        return text, False

    monkeypatch.setattr(config, 'FormatCode', format_new)
    assert yapf_verify.apply().active
    assert config.FormatCode('a = 1', style_config='pep8', verify=True) == ('a = 1', False)
    assert said == ['pep8']


def test_a_yapf_that_takes_it_is_left_alone(of_mmengine_08, monkeypatch):
    monkeypatch.setattr(config, 'FormatCode', format_old)
    assert not yapf_verify.apply().active and config.FormatCode is format_old


def test_configs_are_written_here():
    assert 'lr = 0.5' in Config(dict(lr=0.5)).pretty_text
