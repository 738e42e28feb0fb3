"""Arithmetic of rates and times with clocks made by hand."""

import io

import pytest

from egoexo_mm.engine.extraction_progress import ExtractionProgress


@pytest.fixture
def clock():
    def read():
        return read.now

    read.now = 100.0
    return read


def test_line(clock):
    progress = ExtractionProgress(10, print, label='store', clock=clock, terminal=None)
    assert (
        progress.line()
        == 'store: 0/10 videos, 0.0 frames/s, 0% waiting for frames, time left unknown'
    )
    clock.now += 50
    progress.videos, progress.failed, progress.frames = 4, 1, 600
    # 12.5 s a video: 6 more take 75 s
    assert (
        progress.line()
        == 'store: 4/10 videos (1 failed), 12.0 frames/s, 0% waiting for frames, time left 0:01:15'
    )
    clock.now += 150
    assert (
        progress.line()
        == 'store: 4/10 videos (1 failed), 3.0 frames/s, 0% waiting for frames, time left 0:05:00'
    )


def test_waiting_is_measured(clock):
    def slow():
        for i in range(3):
            clock.now += 2  # of decoding
            yield i
        clock.now += 4  # until the workers have ended

    progress = ExtractionProgress(1, print, clock=clock, terminal=None)
    taken = []
    for item in progress.waiting(slow()):
        clock.now += 5  # of the teacher
        taken.append(item)
    assert taken == [0, 1, 2]
    assert progress.waited == 3 * 2 + 4
    assert '40% waiting for frames' in progress.line()  # 10 of 25 s


def test_a_log_line_now_and_then(clock):
    lines = []
    progress = ExtractionProgress(100, lines.append, every=30, clock=clock, terminal=None)
    for _ in range(100):
        clock.now += 1
        progress.videos += 1
        progress.update()
    assert [line.split(' videos')[0] for line in lines] == [
        'extract: 30/100',
        'extract: 60/100',
        'extract: 90/100',
    ]


def test_a_line_in_a_terminal(clock):
    screen, lines = io.StringIO(), []
    progress = ExtractionProgress(4, lines.append, clock=clock, terminal=screen)
    for _ in range(4):
        clock.now += 0.25
        progress.videos += 1
        progress.update()
    progress.close()
    shown = screen.getvalue().split('\r')
    assert [line.split(' videos')[0] for line in shown[1:-1]] == ['extract: 2/4', 'extract: 4/4']
    assert shown[-1] == '\x1b[K' and '\n' not in screen.getvalue()
    assert lines == []
