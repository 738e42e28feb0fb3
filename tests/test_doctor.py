"""The doctor on made-up environments, and on this one."""

import subprocess
import sys
from pathlib import Path

import pytest

from egoexo_mm import compat, doctor, doctor_trials
from egoexo_mm.doctor import Facts, Problem, find_problems, report
from egoexo_mm.engine.fused_sgd import FusedSGD

GOOD = {
    'torch': {'torch': '2.13.0'},
    'torchvision': {},
    'mmengine': {'mmengine': '0.10.7'},
    'mmcv': {'mmcv-lite': '2.1.0'},
    'mmaction2': {'mmaction2': '1.2.0'},
    'mmdet': {'mmdet': '3.3.0'},
    'numpy': {'numpy': '1.26.4'},
    'opencv': {'opencv-python': '4.11.0.86'},
    'pyarrow': {'pyarrow': '24.0.0'},
    'decord': {'decord': '0.6.0'},
    'PyAV': {},
    'torchcodec': {},
}


def problems_with(broken=(), **versions):
    return find_problems(Facts(dict(GOOD, **versions), broken=dict(broken)))


def test_a_good_environment_has_no_problem():
    assert problems_with() == []


def test_optional_packages_may_be_missing():
    assert problems_with(mmdet={}, torchvision={}) == []
    # PyPI's torchvision beside a CPU-only torch: nothing of ours needs it.
    assert (
        problems_with(
            torchvision={'torchvision': '0.28.0'},
            broken={'torchvision': 'RuntimeError: operator does not exist'},
        )
        == []
    )


@pytest.mark.parametrize(
    'name, remedy',
    [
        ('torch', 'pip install torch==2.13.0'),
        ('mmengine', 'pip install mmengine==0.10.7'),
        ('mmcv', 'pip install mmcv-lite==2.1.0'),
        ('mmaction2', 'pip install mmaction2==1.2.0'),
        ('numpy', 'pip install numpy'),
        ('opencv', 'pip install opencv-python'),
        ('pyarrow', 'pip install "pyarrow>=14.0.1"'),
    ],
)
def test_missing(name, remedy):
    assert problems_with(**{name: {}}) == [Problem(f'{name} is not installed', remedy, True)]


@pytest.mark.parametrize(
    'distribution, version', [('mmcv', '2.2.0'), ('mmcv', '1.7.2'), ('mmcv-lite', '2.2.0')]
)
def test_mmcv_out_of_range_is_the_one_cause(distribution, version):
    broken = {'mmaction2': 'AssertionError: MMCV is incompatible', 'mmdet': 'AssertionError: too'}
    assert problems_with(broken, mmcv={distribution: version}) == [
        Problem(
            f'mmaction2 takes mmcv >=2.0.0rc4, <2.2.0, but {distribution} {version} is installed',
            f'pip uninstall -y {distribution} && pip install mmcv-lite==2.1.0',
            True,
        )
    ]


@pytest.mark.parametrize('version', ['2.0.0rc4', '2.0.1', '2.1.0', '2.1.0+cu121'])
def test_mmcv_in_range(version):
    assert problems_with(mmcv={'mmcv': version}) == []


def test_both_mmcvs():
    (found,) = problems_with(mmcv={'mmcv': '2.1.0', 'mmcv-lite': '2.1.0'})
    assert 'overwrite each other' in found.sentence
    assert found.remedy == 'pip uninstall -y mmcv mmcv-lite && pip install mmcv-lite==2.1.0'


def test_numpy_2_and_opencv_5_are_no_problem():
    assert (
        problems_with(
            numpy={'numpy': '2.4.6'},
            pyarrow={'pyarrow': '26.0.1'},
            opencv={'opencv-python': '5.0.0.93'},
        )
        == []
    )


@pytest.mark.parametrize(
    'name, version, sentence, stops',
    [
        ('torch', '1.13.1+cu117', 'takes torch >=2.0, but 1.13.1+cu117 is installed', True),
        ('mmengine', '0.7.4', 'takes mmengine >=0.8, <1.0, but 0.7.4 is installed', True),
        ('mmaction2', '0.24.1', 'takes mmaction2 >=1.0, <2.0, but 0.24.1 is installed', True),
        ('mmdet', '2.28.2', 'takes mmdet >=3.0, <3.4, but 2.28.2 is installed', False),
    ],
)
def test_versions_that_cannot_work(name, version, sentence, stops):
    (found,) = problems_with(**{name: {name: version}})
    assert sentence in found.sentence
    assert found.stops_training is stops
    assert 'pip install torch' not in found.remedy


@pytest.mark.parametrize(
    'name, version',
    [
        ('torch', '2.0.0'),
        ('mmengine', '0.8.0'),
        ('mmaction2', '1.0.0'),
        ('mmdet', '3.0.0'),
        ('mmaction2', 'unknown'),
    ],
)
def test_oldest_versions_that_work(name, version):
    assert problems_with(**{name: {name: version}}) == []


@pytest.mark.parametrize(
    'trial, remedy',
    [
        ('optimizer', "type='SGD'"),
        ('checkpoint', 'mmengine==0.10.7'),
        ('config', 'yapf<0.40.2'),
    ],
)
def test_a_failed_trial_stops_training(trial, remedy):
    (found,) = problems_with({trial: 'TypeError: unexpected keyword'})
    assert 'TypeError: unexpected keyword' in found.sentence and remedy in found.remedy
    assert found.stops_training


def test_the_optimizer_is_tried(monkeypatch):
    monkeypatch.setattr(FusedSGD, 'step', lambda self, closure=None: None, raising=False)
    with pytest.raises(RuntimeError, match='a step changed no weight'):
        doctor_trials.try_optimizer()
    monkeypatch.undo()
    assert doctor_trials.try_optimizer().startswith('FusedSGD, ')


def test_writing_a_config_is_tried(monkeypatch):
    """MMEngine before 0.8.5 and yapf from 0.40.2 on do not fit."""
    doctor_trials.try_config()

    def refuse(*args, **kwargs):
        raise TypeError("FormatCode() got an unexpected keyword argument 'verify'")

    monkeypatch.setattr('mmengine.config.config.FormatCode', refuse)
    with pytest.raises((TypeError, SyntaxError)):
        doctor_trials.try_config()


def test_the_checkpoint_is_tried(monkeypatch):
    assert doctor_trials.try_checkpoint() == 'MMEngine checkpoints are written and read'

    def refuse(*args, **kwargs):
        raise RuntimeError('no HistoryBuffer')

    monkeypatch.setattr('mmengine.runner.checkpoint._load_checkpoint', refuse)
    with pytest.raises(RuntimeError, match='no HistoryBuffer'):
        doctor_trials.try_checkpoint()


@pytest.mark.parametrize(
    'torch_version, remedy',
    [
        (
            '2.13.0+cpu',
            'pip install --no-deps "torchvision==0.28.*" --index-url https://download.pytorch.org/whl/cpu',
        ),
        (
            '2.0.1+cu118',
            'pip install --no-deps "torchvision==0.15.*" --index-url https://download.pytorch.org/whl/cu118',
        ),
        ('2.4.0', 'pip install --no-deps "torchvision==0.19.*"'),
    ],
)
def test_torchvision_is_that_of_the_installed_torch(torch_version, remedy):
    """torchvision 0.(n + 15) belongs to torch 2.n; --no-deps leaves torch alone."""
    (found,) = problems_with(
        {'mmaction2': "ModuleNotFoundError: No module named 'torchvision'"},
        torch={'torch': torch_version},
    )
    assert found.remedy == remedy


def test_no_reader_but_opencv():
    (found,) = problems_with(decord={}, PyAV={})
    assert found.remedy == 'pip install av' and not found.stops_training
    assert problems_with(decord={}, PyAV={'av': '14.0.0'}) == []


def test_decord2_reads_as_well():
    assert problems_with(decord={'decord2': '3.0.0'}) == []


def test_a_broken_decoder_is_named():
    (found,) = problems_with(
        {'torchcodec': 'RuntimeError: no FFmpeg'}, torchcodec={'torchcodec': '0.8.0'}
    )
    assert found == Problem(
        'torchcodec is installed but does not import: RuntimeError: no FFmpeg',
        'pip uninstall -y torchcodec',
        False,
    )


def test_a_package_that_lacks_another_names_that_one():
    broken = {'mmaction2': "ModuleNotFoundError: No module named 'einops'"}
    (found,) = problems_with(broken)
    assert found.remedy == 'pip install --no-deps einops'
    assert found.stops_training
    (found,) = problems_with({'mmdet': "ModuleNotFoundError: No module named 'pycocotools.mask'"})
    assert found.remedy == 'pip install --no-deps pycocotools'
    assert not found.stops_training


def test_a_broken_package_is_put_back_at_its_version():
    (found,) = problems_with(
        {'torch': 'OSError: libcudart.so.13', 'mmaction2': 'OSError: the same'}
    )
    assert found == Problem(
        'torch does not import: OSError: libcudart.so.13',
        'pip install --force-reinstall --no-deps "torch==2.13.0"',
        True,
    )


def test_ops_that_fail_name_the_build():
    (found,) = problems_with({'detector ops': 'RuntimeError: no CUDA kernel'})
    assert found.remedy.endswith('--no-build-isolation mmcv==2.1.0')
    assert not found.stops_training


def test_what_stops_training_comes_first():
    found = problems_with(mmdet={'mmdet': '2.0.0'}, pyarrow={})
    assert [problem.stops_training for problem in found] == [True, False]


def test_report_says_everything():
    facts = Facts(
        dict(GOOD, pyarrow={}),
        gpus=['H100', 'H100'],
        backends=['nccl', 'gloo'],
        cures=[
            compat.Workaround('one', True, 'because'),
            compat.Workaround('two', False, 'no need'),
        ],
        ops='compiled ops of mmcv',
    )
    text = report(facts, find_problems(facts)).splitlines()
    assert '  mmcv            mmcv-lite 2.1.0' in text
    assert '  pyarrow         not installed' in text
    assert '  GPUs            2' in text
    assert '  GPU 1           H100' in text
    assert '  collectives     nccl, gloo' in text
    assert '  active          one: because' in text
    assert '  inert           two: no need' in text
    assert '  mmdet           can run, with compiled ops of mmcv' in text
    assert text[-4:] == [
        'Problems: 1',
        '  1. pyarrow is not installed (stops training)',
        '     remedy: pip install "pyarrow>=14.0.1"',
        'Training cannot run yet.',
    ]


def test_versions_of_a_checkout_come_from_its_module(tmp_path, monkeypatch):
    package = tmp_path / 'egoexo_checkout'
    package.mkdir()
    (package / '__init__.py').write_text("__version__ = '9.1'\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert doctor.find_versions('egoexo_checkout', ['egoexo-no-such-dist']) == {
        'egoexo_checkout': '9.1'
    }
    assert doctor.find_versions('egoexo_absent', ['egoexo-no-such-dist']) == {}


@pytest.mark.parametrize('exit_code, versions', [(0, GOOD), (1, dict(GOOD, mmaction2={}))])
def test_exit_code(monkeypatch, capsys, exit_code, versions):
    monkeypatch.setattr(doctor, 'gather', lambda: Facts(versions))
    assert doctor.main() == exit_code
    assert ('Training can run.' in capsys.readouterr().out) is (exit_code == 0)


def start_doctor(*flags):
    root = Path(doctor.__file__).absolute().parents[1]
    return subprocess.run(
        [sys.executable, *flags, '-m', 'egoexo_mm.doctor'],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_here():
    done = start_doctor()
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ''
    assert '  mmdet           can run, with ' in done.stdout
    assert '  optimizer       FusedSGD, ' in done.stdout
    assert '  checkpoints     MMEngine checkpoints are written and read' in done.stdout
    assert done.stdout.splitlines()[-1] == 'Training can run.'


def test_with_nothing_installed():
    done = start_doctor('-S')  # no site-packages: the standard library alone
    assert done.returncode == 1
    assert done.stderr == ''
    assert '1. torch is not installed (stops training)' in done.stdout
