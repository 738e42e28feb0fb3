"""Statistics against values by hand; the report is one file whose numbers name work dirs."""

import json
import math
import re

import cv2
import numpy as np
import pytest

from study.logs import last_metric, training_curve, training_steps
from study.paired import deviation, paired_difference, t_quantile
from study.report import write_report
from study.tests.toy_study import plan_of, run, write_study
from tests.media import noise_video

EXTRA = """
examples = [dict(title='third person', videos='world/*.mp4', count=2)]
maps = [dict(title='held out', step='test', file='maps.npz')]
"""


@pytest.mark.parametrize(
    'p, df, expected',
    [  # printed tables of Student's t
        (0.975, 1, 12.706),
        (0.975, 2, 4.303),
        (0.975, 3, 3.182),
        (0.975, 4, 2.776),
        (0.975, 5, 2.571),
        (0.975, 9, 2.262),
        (0.975, 30, 2.042),
        (0.95, 4, 2.132),
        (0.995, 4, 4.604),
        (0.5, 7, 0.0),
    ],
)
def test_t_quantile(p, df, expected):
    assert t_quantile(p, df) == pytest.approx(expected, abs=5e-4)


def test_t_quantile_exactly():
    assert t_quantile(0.975, 1) == pytest.approx(math.tan(0.475 * math.pi))  # Cauchy
    assert t_quantile(0.975, 2) == pytest.approx(
        0.95 / math.sqrt(2 * 0.975 * 0.025)
    )  # (2p - 1) / sqrt(2 p (1 - p))
    with pytest.raises(ValueError, match='whole df from 1'):
        t_quantile(0.975, 0)


def test_paired_difference_by_hand():
    """Differences 1 to 5: mean 3, deviation sqrt(2.5), half width 2.776 sqrt(2.5 / 5) = 1.963."""
    base = {seed: 10.0 * seed for seed in range(6)}
    found = paired_difference({seed: 10.0 * seed + seed for seed in range(1, 6)} | {9: 99.0}, base)
    assert (found.mean, found.pairs) == (3, 5) and found.half_width == pytest.approx(
        1.9632, abs=1e-4
    )
    assert found.interval == pytest.approx((1.0368, 4.9632), abs=1e-4)
    assert deviation([1, 2, 3, 4, 5]) == pytest.approx(math.sqrt(2.5))
    one = paired_difference({0: 4.0}, base)
    assert (one.mean, one.half_width, one.interval) == (4, None, None)
    assert paired_difference({7: 4.0}, base) is None and deviation([1]) is None


def test_logs(tmp_path):
    for time, rows in (
        (
            '20260101_000001',
            [dict(step=1, loss=3.0), dict(step=2, loss=2.0), {'acc/top1': 0.25, 'step': 2}],
        ),
        ('20260101_000002', [dict(step=2, loss=1.5), dict(step=3, loss=1.0)]),
    ):
        (tmp_path / time / 'vis_data').mkdir(parents=True)
        lines = [json.dumps(row) for row in rows]
        (tmp_path / time / 'vis_data' / 'scalars.json').write_text(
            '\n'.join(lines) + '\n{"step": 4, "lo'
        )  # killed here
    assert (
        training_curve(tmp_path, 'loss') == [(1, 3.0), (2, 1.5), (3, 1.0)]
        and training_steps(tmp_path) == 3
    )
    assert last_metric(tmp_path, 'acc/top1').value == 0.25 and last_metric(tmp_path, 'mAP') is None
    (tmp_path / '20260101_000003').mkdir()
    (tmp_path / '20260101_000003' / '20260101_000003.json').write_text('{"acc/top1": 0.5}\n')
    reading = last_metric(tmp_path, 'acc/top1')
    assert (reading.value, reading.log.name) == (0.5, '20260101_000003.json')


@pytest.fixture(scope='module')
def report(tmp_path_factory):
    """The toy study with example clips and maps, reported."""
    root = tmp_path_factory.mktemp('study')
    write_study(root, scratch_flag='fail', extra=EXTRA)
    run(root)
    noise_video(root / 'out/world/a.mp4', seed=0, num_frames=6)
    noise_video(root / 'out/world/b.mp4', seed=1, num_frames=6)
    rng = np.random.default_rng(0)
    np.savez(
        root / 'out/test/egoexo/seed0/maps.npz',
        frames=rng.integers(0, 255, (2, 32, 32, 3), dtype=np.uint8),
        target=rng.random((2, 2, 4, 4)),
        predicted=rng.random((2, 2, 4, 4)),
    )
    return root / 'out', write_report(plan_of(root)), (root / 'out/report.html').read_text()


def test_statistics_of_the_study(report):
    """Scores of a cell are 10, 11 above its number: 20, 21 of third_only and 30, 31 of egoexo."""
    _, results, _ = report
    entry = results['statistics']['egoexo']['top1']
    assert (entry['n'], entry['mean'], entry['deviation']) == (
        2,
        30.5,
        pytest.approx(math.sqrt(0.5)),
    )
    assert entry['difference'] == dict(mean=10, half_width=0, pairs=2, level=0.95)
    assert 'top1' not in results['statistics']['scratch']


def test_report_is_one_file(report):
    out, _, html = report
    assert (
        'http://' not in html
        and 'https://' not in html
        and '<script' not in html
        and '<link' not in html
    )
    sources = re.findall(r'src="([^"]*)"', html)
    assert {source.partition(';')[0] for source in sources} == {'data:image/png', 'data:image/gif'}
    assert html.count('data:image/gif;base64,R0lGOD') == 2  # both clips
    for heading in ('Table', 'Plot', 'Example clips', 'Target and predicted maps', 'Loss curves'):
        assert f'<h2>{heading}</h2>' in html
    assert cv2.imread(str(out / 'plot.png')).shape[2] == 3
    assert [link for link in re.findall(r'href="([^"]*)"', html) if not (out / link).exists()] == []


def test_every_number_is_traceable(report):
    out, results, html = report
    stored = json.loads((out / 'study.json').read_text())
    numbers = [
        number
        for cell in stored['cells'].values()
        for found in cell['numbers'].values()
        for number in found.values()
    ]
    assert len(numbers) == 6  # 3 cells x 2 seeds; scratch failed
    for number in numbers:
        log = out / number['log']
        assert json.loads(log.read_text().splitlines()[-1])[number['key']] == number['value']
        assert (
            log.is_relative_to(out / number['work_dir'])
            and stored['steps'][number['work_dir']]['state'] == 'done'
        )
        assert f'href="{number["log"]}"' in html and number['config'] in html
    # mean +- deviation and the difference of the table follow from them
    assert '<td>40.5 ± 0.7 (n=2)</td><td>+20.0 [+20.0, +20.0]</td>' in html


def test_failures_are_in_the_report(report):
    _, _, html = report
    assert '<span class="failed">2 failed</span>' in html and 'toy: the data set is broken' in html
    assert '<span class="not run">not run</span>' in html
