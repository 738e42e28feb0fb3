"""The skeleton of command-line tools."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from egoexo_mm.commands.command import (
    UsageError,
    add_out,
    make_parser,
    positive,
    run_command,
    set_run,
)
from egoexo_mm.errors import RunError


@pytest.fixture
def tool():
    """A tool that returns or raises what it is told, and keeps its arguments."""

    def call(argv, outcome=None, **options):
        parser = make_parser('tool', 'What it does.')
        parser.add_argument('source')
        add_out(parser, 'folder', default=Path('here'), type=Path)
        parser.add_argument('--count', type=positive(int), default=1)

        def run(args):
            call.args = args
            if isinstance(outcome, BaseException):
                raise outcome
            return outcome

        set_run(parser, run)
        return run_command('tool', parser, argv, **options)

    return call


@pytest.mark.parametrize(
    'argv, out',
    [
        (['a'], 'here'),
        (['a', 'there'], 'there'),
        (['a', '--out', 'there'], 'there'),
        (['--out', 'there', '--count', '2', 'a'], 'there'),
    ],
)
def test_out_is_positional_or_the_former_option(tool, argv, out):
    assert tool(argv) == 0
    assert tool.args.out == Path(out)


def test_out_is_required_without_a_default(capsys):
    parser = make_parser('tool', None)
    add_out(parser, 'folder')
    assert parser.parse_args(['there']).out == 'there'
    with pytest.raises(SystemExit):
        parser.parse_args([])
    assert 'tool.py: error: the following arguments are required: OUT' in capsys.readouterr().err


@pytest.mark.parametrize(
    'outcome, code, err',
    [
        (None, 0, ''),
        (3, 3, ''),
        (ValueError('list.txt: no'), 1, 'tool: error: list.txt: no\n'),
        (OSError('full'), 1, 'tool: error: full\n'),
        (RunError('stop'), 1, 'tool: error: stop\n'),
        (KeyboardInterrupt(), 130, 'tool: interrupted; run the same command again\n'),
    ],
)
def test_exit_codes(tool, capsys, outcome, code, err):
    assert tool(['a'], outcome) == code
    assert capsys.readouterr().err == err


def test_other_errors_are_not_hidden(tool):
    with pytest.raises(ZeroDivisionError):
        tool(['a'], ZeroDivisionError())
    with pytest.raises(ValueError):
        tool(['a'], ValueError(), errors=(KeyError,))


@pytest.mark.parametrize(
    'argv, outcome, message',
    [
        (['a'], UsageError('--x and --y contradict'), '--x and --y contradict'),
        (['a', 'b', '--out', 'c'], None, 'not allowed with argument OUT'),
        (['a', '--count', '0'], None, "invalid positive int value: '0'"),
        ([], None, 'required: source'),
    ],
)
def test_bad_usage(tool, capsys, argv, outcome, message):
    with pytest.raises(SystemExit) as caught:
        tool(argv, outcome)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err.splitlines()[-1]


def test_a_closed_pipe_is_no_error(tmp_path):
    (tmp_path / 'tool.py').write_text(
        'import sys\n'
        'sys.modules["egoexo_mm"] = type(sys)("egoexo_mm")\n'
        'sys.modules["egoexo_mm"].__path__ = [sys.argv[1]]\n'
        'from egoexo_mm.commands.command import make_parser, run_command, set_run\n'
        'parser = make_parser("tool", None)\n'
        'set_run(parser, lambda args: print("x" * 100000))\n'
        'sys.exit(run_command("tool", parser, []))\n'
    )
    package = Path(__file__).resolve().parents[2] / 'egoexo_mm'
    command = f'{sys.executable} {tmp_path}/tool.py {package} | true; exit ${{PIPESTATUS[0]}}'
    environment = {name: value for name, value in os.environ.items() if name != 'PYTHONUNBUFFERED'}
    done = subprocess.run(['bash', '-c', command], capture_output=True, text=True, env=environment)
    assert (done.returncode, done.stderr) == (0, '')
