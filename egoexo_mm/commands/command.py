"""One skeleton for command-line tools: arguments, errors and exit codes.

Exit codes: 0 done, 1 something is wrong (one line on stderr each), 2 bad usage, 130 interrupted.
A reader that closes the pipe early, such as ``head``, is no error. A tool builds a parser, names
its function with ``set_run`` and ends with ``run_command``. Standard library only, so that the
preparers in ``tools/data`` use it without PyTorch.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import RunError


class UsageError(Exception):
    """Arguments that contradict each other; the tool ends with its usage and exit code 2."""


def make_parser(name: str, description: str | None) -> argparse.ArgumentParser:
    """A parser for the tool ``name`` that prints its description as it is written."""
    return argparse.ArgumentParser(
        f'{name}.py',
        description=description,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )


def set_run(parser: argparse.ArgumentParser, run: Callable[[argparse.Namespace], Any]) -> None:
    """Set the function of a parser, or of a subcommand's parser.

    Args:
        parser: Of the tool or the subcommand.
        run: Prints its result and returns an exit code; None is 0. Raises ``UsageError`` for
            arguments that contradict each other.
    """
    parser.set_defaults(run=run, parser=parser)


def add_out(
    parser: argparse.ArgumentParser, text: str, *, default: Any = None, type: Any = str
) -> None:
    """Add OUT, the last positional argument of every tool.

    Args:
        parser: Gets ``OUT``, which ``args.out`` holds.
        text: Help, for example ``'folder of the store, must not exist'``.
        default: OUT may be left out and is then this; ``--out OUT``, the former way, is still
            taken. None: OUT is required.
        type: As in ``add_argument``.
    """
    if default is None:
        parser.add_argument('out', metavar='OUT', type=type, help=text)
        return

    def convert(text: str) -> Any:  # argparse passes the default through ``type``
        return text if text is argparse.SUPPRESS else type(text)

    group = parser.add_mutually_exclusive_group()
    group.add_argument(
        'out', metavar='OUT', nargs='?', type=convert, default=argparse.SUPPRESS, help=text
    )
    group.add_argument('--out', metavar='OUT', type=type, default=default, help=argparse.SUPPRESS)


def positive(kind: type) -> Callable[[str], Any]:
    """An argument type: numbers of this kind above 0."""

    def number(text: str) -> Any:
        value = kind(text)
        if not 0 < value < float('inf'):
            raise ValueError
        return value

    number.__name__ = f'positive {kind.__name__}'  # argparse says it
    return number


def complain(name: str, error: BaseException | str) -> int:
    """Print one line on stderr; the exit code 1."""
    print(f'{name}: error: {error}', file=sys.stderr)
    return 1


def run_command(
    name: str,
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None = None,
    *,
    errors: tuple[type[BaseException], ...] = (ValueError,),
    interrupted: str = 'run the same command again',
    exits: bool = False,
) -> int:
    """Parse the arguments and run the function of the parser.

    Args:
        name: Of the tool, before each message.
        parser: Built with ``make_parser``, its function set by ``set_run``.
        argv: Arguments; None takes those of the process.
        errors: Whose text is meant for the user, beside ``RunError`` and ``OSError``.
        interrupted: What to do after Ctrl-C.
        exits: End the process with the message of an error, which Python prints, instead of
            returning 1.

    Returns:
        The exit code.

    Raises:
        SystemExit: With code 2 for bad usage, 0 for ``--help``, a message with ``exits``.
    """
    args = parser.parse_args(argv)
    try:
        code = args.run(args)
        sys.stdout.flush()
        return code or 0
    except UsageError as error:
        args.parser.error(str(error))
    except BrokenPipeError:
        # Python flushes once more at exit, which must say nothing
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (RunError, OSError, *errors) as error:
        if exits:
            raise SystemExit(f'error: {error}') from None
        return complain(name, error)
    except KeyboardInterrupt:
        print(f'{name}: interrupted; {interrupted}', file=sys.stderr)
        return 130
