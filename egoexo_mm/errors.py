"""An error that is meant for the user: its message is all there is to say."""

from __future__ import annotations

import sys
from types import TracebackType


class RunError(RuntimeError):
    """Ends a run for a reason that the message explains.

    A script that ends with it prints the message without a traceback and exits with code 1.

    Args:
        message: Where, what was found, what was expected and what to do.
        logged: The message is in the log already, so it is not printed again.
    """

    def __init__(self, message: str, *, logged: bool = False) -> None:
        super().__init__(message)
        self.logged = logged


def print_run_errors_plainly() -> None:
    """Have the interpreter print a ``RunError`` that ends it as one line.

    Other exceptions are printed as before.
    """
    if getattr(sys.excepthook, 'prints_run_errors', False):
        return
    others = sys.excepthook

    def excepthook(
        kind: type[BaseException], error: BaseException, traceback: TracebackType | None
    ) -> None:
        if not isinstance(error, RunError):
            others(kind, error, traceback)
        elif not error.logged:
            print(f'error: {error}', file=sys.stderr, flush=True)

    excepthook.prints_run_errors = True
    sys.excepthook = excepthook
