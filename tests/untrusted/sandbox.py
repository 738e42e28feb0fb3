"""Runs a reader on many inputs in child processes with limits; it tells which input kills one."""

import faulthandler
import json
import os
import resource
import signal
import time
from typing import NamedTuple

SECONDS, MEGABYTES = 10, 300
_ADDRESS_SPACE = 3 << 30  # above what the parent has


class Outcome(NamedTuple):
    """Result of an input: accepted, refused, error (another exception), signal, hang or memory."""

    kind: str
    text: str
    seconds: float
    megabytes: int  # above the start of the child


def run(reader, inputs, refusals=(ValueError,)):
    """Outcome of each input; ``reader(input)`` is called in a fork of this process."""
    found = []
    while len(found) < len(inputs):
        found += _batch(reader, inputs[len(found) :], refusals)
    return found


def _batch(reader, inputs, refusals):
    """Outcomes up to the first that ends the child."""
    receive, send = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(receive)
        try:
            _child(reader, inputs, refusals, send)
        finally:
            os._exit(99)
    os.close(send)
    with open(receive, encoding='utf-8', errors='replace') as lines:
        found = [Outcome(*json.loads(line)) for line in lines]
    _, status = os.waitpid(child, 0)
    number = os.WTERMSIG(status) if os.WIFSIGNALED(status) else 0
    if number or len(found) < len(inputs) and not (found and found[-1].kind == 'memory'):
        kind = 'hang' if number == signal.SIGALRM else 'signal'
        found.append(Outcome(kind, f'{number or status}', SECONDS, 0))
    return found


def _child(reader, inputs, refusals, send):
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (1, 2):
        os.dup2(null, stream)
    faulthandler.disable()  # of pytest, which would print the stack of a child that a signal ends
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    limit = _pages(0) + _ADDRESS_SPACE
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    start = _pages(1)
    for item in inputs:
        _forget_peak()
        signal.setitimer(signal.ITIMER_REAL, SECONDS)
        begin = time.perf_counter()
        try:
            kind, text = 'accepted', type(reader(item)).__name__
        except refusals as error:
            kind, text = 'refused', f'{error}'
        except BaseException as error:
            kind, text = 'error', f'{type(error).__name__}: {error}'[:500]
        seconds = time.perf_counter() - begin
        signal.setitimer(signal.ITIMER_REAL, 0)
        megabytes = (_peak() - start) >> 20
        if megabytes > MEGABYTES:
            kind, text = 'memory', f'{kind}: {text}'
        line = (
            json.dumps(
                [kind, text.encode('utf-8', 'replace').decode(), round(seconds, 3), megabytes]
            )
            + '\n'
        )
        os.write(send, line.encode())
        if kind == 'memory':
            os._exit(0)
    os._exit(0)


def _pages(field):
    with open('/proc/self/statm') as file:
        return int(file.read().split()[field]) * resource.getpagesize()


def _forget_peak():
    with open('/proc/self/clear_refs', 'w') as file:
        file.write('5')


def _peak():
    with open('/proc/self/status') as file:
        return next(int(line.split()[1]) << 10 for line in file if line.startswith('VmHWM'))
