"""Running the steps of a plan, some at a time, each once."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from .fingerprint import ROOT, changes
from .markers import LOCK, LOG, read_marker, set_aside, state_of, take_lock, write_marker
from .plan import Plan, Step, StudyError

_POLL = 0.05  # seconds


@dataclass
class _Running:
    step: Step
    process: subprocess.Popen
    start: float
    resumed: bool


class Runner:
    """Runs what is not done yet.

    A done step is never run again. One that was interrupted or failed before is tried again, from
    its last checkpoint if it has one. A failed step ends the steps that need it, and no other.

    Args:
        plan: The steps.
        jobs: How many run at a time.
        say: Called with a line on every event.
    """

    def __init__(self, plan: Plan, *, jobs: int = 1, say: Callable[[str], None] = print) -> None:
        self.plan = plan
        self.jobs = jobs
        self.say = say
        self.failed: set[str] = set()
        self.running: dict[str, _Running] = {}

    def run(self) -> bool:
        """Run the study; whether all of it is done now.

        Raises:
            StudyError: another runner is at work in the folder.
        """
        lock = take_lock(self.plan.work_dir / '.study.lock')
        if lock is None:
            raise StudyError(
                f'{self.plan.work_dir}: another tools/study.py is at work here; wait for it or '
                'end it'
            )
        # so that the children are ended as well
        handler = signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
        try:
            self._run()
        finally:
            self._end_all()
            signal.signal(signal.SIGTERM, handler)
            os.close(lock)
        return not self.failed

    def _run(self) -> None:
        steps = self.plan.steps
        pending = {key: step for key, step in steps.items() if state_of(step) != 'done'}
        done = self.plan.steps.keys() - pending.keys()
        self.say(f'{len(self.plan.steps)} steps, {len(done)} of them done before')
        waiting_for_lock: set[str] = set()
        while pending or self.running:
            for key, step in list(pending.items()):
                failed = sorted(self.failed & set(step.needs))
                if failed:
                    self.failed.add(key)
                    del pending[key]
                    self.say(f'not run {key}: it needs {", ".join(failed)}')
            for key, step in list(pending.items()):
                if not set(step.needs) <= done:
                    continue
                busy = sum(job.step.slots for job in self.running.values())
                if busy + min(step.slots, self.jobs) > self.jobs:
                    break  # in order: a large step is not overtaken for ever
                if self._start(step):
                    del pending[key]
                elif key not in waiting_for_lock:
                    waiting_for_lock.add(key)
                    pid = (read_marker(step.folder) or {}).get('pid')
                    self.say(
                        f'waiting for {key}: its process of an earlier run (pid {pid}) is still at '
                        'work'
                    )
            time.sleep(_POLL)
            done |= self._collect()

    def _start(self, step: Step) -> bool:
        """Start a step; False while an orphan of an earlier run holds its folder."""
        lock = take_lock(step.folder / LOCK, inherit=True)
        if lock is None:
            return False
        before = read_marker(step.folder)
        resumes = before and step.resume and (step.folder / step.checkpoint).exists()
        command = step.resume if resumes else step.command
        begun = dict(command=shlex.join(command), started=_now())
        write_marker(step, 'started', **begun)  # before there is anything to resume
        with open(step.folder / LOG, 'ab') as log:
            log.write(f'\n== {_now()} {shlex.join(command)}\n'.encode())
            log.flush()
            try:
                process = subprocess.Popen(
                    command,
                    cwd=ROOT,
                    env=_environment(step),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                    pass_fds=(lock,),
                )
            except OSError as error:
                log.write(f'{error}\n'.encode())
                process = None
            finally:
                os.close(lock)
        if process is None:
            self._fail(step, shlex.join(command), 127, 0.0)
        else:
            write_marker(step, 'started', **begun, pid=process.pid)
            self.running[step.key] = _Running(step, process, time.monotonic(), bool(resumes))
            self.say(f'{"resume" if resumes else "start"} {step.key}')
        return True

    def _collect(self) -> set[str]:
        """Note what has ended; the keys of what ended well."""
        done = set()
        for key, job in list(self.running.items()):
            processor = _processor_seconds(job.process)
            if processor is None:
                continue
            del self.running[key]
            code, command = job.process.returncode, shlex.join(job.process.args)
            seconds = time.monotonic() - job.start
            if code:
                self._fail(job.step, command, code, seconds)
                continue
            spent = dict(seconds=round(seconds, 1), processor_seconds=round(processor, 1))
            write_marker(
                job.step, 'done', command=command, ended=_now(), resumed=job.resumed, **spent
            )
            self.say(f'done {key} ({seconds:.0f} s, {processor:.0f} s of processor)')
            done.add(key)
        return done

    def _fail(self, step: Step, command: str, code: int, seconds: float) -> None:
        reason = last_line(step.folder / LOG)
        write_marker(
            step,
            'failed',
            command=command,
            ended=_now(),
            seconds=round(seconds, 1),
            exit_code=code,
            reason=reason,
        )
        self.failed.add(step.key)
        self.say(f'FAILED {step.key} (exit code {code}): {reason}; see {step.folder / LOG}')

    def _end_all(self) -> None:
        for job in self.running.values():
            _signal(job.process, signal.SIGTERM)
        deadline = time.monotonic() + 10
        for job in self.running.values():
            try:
                job.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                _signal(job.process, signal.SIGKILL)
                job.process.wait()


def settle_changes(plan: Plan, *, redo: bool, say: Callable[[str], None] = print) -> None:
    """Deal with steps that ran with another command or config than they have now.

    Args:
        plan: The steps.
        redo: Set their folders aside, so that they and the steps that need them run anew. Otherwise
            nothing is touched.
        say: Called with a line on every folder set aside.

    Raises:
        StudyError: There are such steps and ``redo`` is off.
    """
    changed = [step for step in plan.steps.values() if state_of(step) == 'changed']
    if changed and not redo:
        # what changed itself says more than what only needs it
        own = [(step, changes(read_marker(step.folder)['inputs'], step.inputs)) for step in changed]
        own.sort(key=lambda item: item[1].startswith('a step that'))
        step, what = own[0]
        raise StudyError(
            f'{plan.work_dir}: {len(changed)} steps ran with other settings than they have now, '
            f'the first is {step.key}: {what}; restore the setting, take another --work-dir, or '
            'pass --redo-changed to set these folders aside and run them again'
        )
    for step in changed:
        lock = take_lock(step.folder / LOCK)
        if lock is None:
            raise StudyError(
                f'{step.folder}: its process of an earlier run is still at work; wait for it or '
                'end it'
            )
        say(f'set aside {step.key} as {set_aside(step.folder).name}: its settings have changed')
        os.close(lock)


def last_line(log: Path) -> str:
    """The last line of a log that says something."""
    text = log.read_text(errors='replace') if log.exists() else ''
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1][:300] if lines else 'no output'


def _environment(step: Step) -> dict[str, str]:
    """This repository and this interpreter first."""
    env = {**os.environ, **step.env}
    env['PYTHONPATH'] = os.pathsep.join(filter(None, [str(ROOT), env.get('PYTHONPATH')]))
    env['PATH'] = os.pathsep.join([str(Path(sys.executable).parent), env.get('PATH', '')])
    return env


def _processor_seconds(process: subprocess.Popen) -> float | None:
    """What an ended process and its children computed for; None while it runs."""
    pid, status, usage = os.wait4(process.pid, os.WNOHANG)
    if not pid:
        return None
    process.returncode = os.waitstatus_to_exitcode(status)
    return usage.ru_utime + usage.ru_stime


def _signal(process: subprocess.Popen, number: int) -> None:
    try:
        os.killpg(process.pid, number)
    except ProcessLookupError:
        pass


def _now() -> str:
    return time.strftime('%Y-%m-%d %H:%M:%S')
