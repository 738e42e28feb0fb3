"""Two hours of video in flat memory."""

import itertools
import shutil
import subprocess
from pathlib import Path

import pytest

from egoexo_mm.inference import EgoExoInferencer, find_sources, timeline
from tests.inference import cases

HOURS, FPS, SIZE = 2, 5, (96, 72)


def resident() -> float:
    """Megabytes of this process."""
    (line,) = (
        line for line in Path('/proc/self/status').read_text().splitlines() if 'VmRSS' in line
    )
    return int(line.split()[1]) / 1024


@pytest.mark.slow
@pytest.mark.skipif(not shutil.which('ffmpeg'), reason='ffmpeg makes the video')
def test_two_hours(tmp_path):
    case = cases.kinetics(tmp_path, num_videos=1)
    video = tmp_path / 'day.mp4'
    source = f'testsrc=size={SIZE[0]}x{SIZE[1]}:rate={FPS}:duration={HOURS * 3600}'
    command = ['ffmpeg', '-v', 'error', '-f', 'lavfi', '-i', source, '-g', '50', str(video)]
    subprocess.run(command, check=True)
    inferencer = EgoExoInferencer(case.cfg, case.checkpoint, 'cpu')
    sources = find_sources(str(video))
    samples = inferencer.stream(
        sources, batch_size=4, maps=True, num_workers=0, window=20, stride=20
    )
    memory, rows = [], []

    def answers():
        for sample in samples:
            row = inferencer.row(sample)
            rows.append(row)
            memory.append(resident())
            yield row, sample

    inferencer.draw(sources[0], answers(), tmp_path / 'drawn', stride=50)
    assert len(rows) == HOURS * 180 and not inferencer.failures
    assert [row['start'] for row in rows] == list(range(0, HOURS * 3600, 20))
    # all frames would take 750 MB as decoded, the maps of all windows 9 MB
    begin = max(itertools.islice(memory, 40))
    assert max(memory) < begin + 40, (begin, max(memory), memory[::20])
    spans = timeline(rows)
    assert spans[0]['start'] == 0 and spans[-1]['end'] == HOURS * 3600
    assert (tmp_path / 'drawn.mp4').stat().st_size and (tmp_path / 'drawn.png').exists()
    print(f'resident {begin:.0f} MB after 40 windows, {max(memory):.0f} MB at most')
