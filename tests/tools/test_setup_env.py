"""What tools/setup_env.py gives to pip, in made-up environments."""

import pytest
from pip._vendor.packaging.requirements import Requirement

from tests.scripts import load_script

PINS = [
    'torch==2.13.0',
    'mmcv-lite==2.1.0',
    'mmaction2==1.2.0',
    'decord==0.6.0',
    'opencv-python==4.11.0.86',
    'opencv-contrib-python==4.11.0.86',
    'importlib_metadata',
]


@pytest.fixture
def lines(monkeypatch):
    """Function of what is installed: the arguments of pip install."""
    script = load_script('tools/setup_env.py')

    def run(exact=False, **versions):
        there = {name.replace('_', '-'): version for name, version in versions.items()}
        monkeypatch.setattr(script, 'installed', lambda name: there.get(name.replace('_', '-')))
        return script.to_install([Requirement(line) for line in PINS], exact)

    return run


ALL = dict(
    torch='2.13.0+cpu',
    mmcv_lite='2.1.0',
    mmaction2='1.2.0',
    decord='0.6.0',
    opencv_python='4.11.0.86',
    opencv_contrib_python='4.11.0.86',
    importlib_metadata='8.0',
)


def without(*names, **changes):
    return {name: version for name, version in dict(ALL, **changes).items() if name not in names}


def test_a_bare_environment_gets_all(lines):
    assert lines() == PINS
    assert lines(exact=True) == PINS


def test_what_is_there_stays(lines):
    assert lines(**ALL) == lines(exact=True, **ALL) == []
    assert lines(**without(torch='2.4.1+cu121', opencv_python='5.0.0.93')) == []
    assert lines(exact=True, **without(torch='2.4.1+cu121')) == ['torch==2.13.0']


def test_others_of_the_same_import_name(lines):
    assert lines(**without('mmcv_lite', 'decord', mmcv='2.1.0', decord2='3.0')) == []


@pytest.mark.parametrize(
    'there',
    [
        dict(opencv_python='5.0.0.93'),
        dict(opencv_python_headless='5.0.0.93'),
        dict(opencv_contrib_python='5.1.0.95'),
        dict(opencv_contrib_python_headless='4.8.0.76'),
    ],
)
def test_no_second_opencv_beside_one_that_is_there(lines, there):
    assert lines(**{**without('opencv_python', 'opencv_contrib_python'), **there}) == []


def test_the_opencv_that_mmaction2_asks_for_is_of_the_same_major_version(lines):
    assert lines(**without('mmaction2', 'opencv_contrib_python', opencv_python='5.0.0.93')) == [
        'mmaction2==1.2.0',
        'opencv-contrib-python==5.*',
    ]


def test_lines_for_another_python_are_left_out(monkeypatch, tmp_path):
    script = load_script('tools/setup_env.py')
    (tmp_path / 'requirements.txt').write_text(
        "# all\nnumpy==1; python_version < '3'\nnumpy==2; python_version >= '3'  # newer\n\n"
    )
    monkeypatch.setattr(script, 'ROOT', tmp_path)
    assert [f'{entry.name}{entry.specifier}' for entry in script.requirements(['pytest'])] == [
        'numpy==2',
        'pytest',
    ]


def test_an_old_torch_is_one_sentence(monkeypatch):
    script = load_script('tools/setup_env.py')
    monkeypatch.setattr(script, 'installed', lambda name: '1.13.1+cu117')
    monkeypatch.setattr('sys.argv', ['setup_env.py'])
    with pytest.raises(
        SystemExit, match=r'^torch 2.0 or newer is needed, 1.13.1\+cu117 is installed; make'
    ):
        script.main()
