"""Real processes: done steps stay done, killed ones resume, failed ones show."""

import json
import os
import signal
import subprocess
import sys
import time

import pytest

from study import table
from study.markers import LOCK, read_marker, state_of, take_lock
from study.plan import StudyError
from study.results import collect
from study.runner import settle_changes
from study.tests.toy_study import (
    ROOT,
    calls,
    plan_of,
    run,
    write_study,
)


def states(root):
    return {key: state_of(step) for key, step in plan_of(root).steps.items()}


def test_all_run_once(tmp_path):
    write_study(tmp_path)
    whole, said = run(tmp_path)
    assert whole and set(states(tmp_path).values()) == {'done'}
    again, said = run(tmp_path)
    assert again and said == ['21 steps, 21 of them done before']
    assert all(len(calls(tmp_path, key)) == 1 for key in plan_of(tmp_path).steps)
    marker = read_marker(tmp_path / 'out/finetune/egoexo/seed1')
    assert marker['state'] == 'done' and marker['command'].endswith(
        f'0 from={tmp_path}/out/pretrain/egoexo/seed1'
    )
    assert marker['inputs']['config'] == {'optimizer.lr': '0.1'}


def test_jobs_run_together_and_no_more(tmp_path):
    write_study(tmp_path)
    running, most = 0, 0
    _, said = run(tmp_path, jobs=3)
    for line in said[1:]:
        running += 1 if line.startswith('start') else -1
        most = max(most, running)
    assert most == 3


def test_failed_is_shown_and_tried_again(tmp_path):
    write_study(tmp_path, scratch_flag='fail')
    whole, said = run(tmp_path)
    assert not whole
    assert any(
        'FAILED finetune/scratch/seed0 (exit code 3): toy: the data set is broken; see ' in line
        for line in said
    )
    assert 'not run test/scratch/seed0: it needs finetune/scratch/seed0' in said
    results = collect(plan_of(tmp_path))
    assert results['steps']['finetune/scratch/seed1']['state'] == 'failed'
    assert results['steps']['test/scratch/seed1']['state'] == 'not run'
    assert results['cells']['scratch']['runs'] == {0: 'failed', 1: 'failed'} and not calls(
        tmp_path, 'test/scratch/seed0'
    )
    assert results['cells']['egoexo_star']['runs'] == {0: 'done', 1: 'done'}
    text = table.markdown(results)
    assert '| scratch | 2 failed | - | - |' in text
    assert '- finetune/scratch/seed0: failed (toy: the data set is broken)' in text
    (tmp_path / 'repaired').touch()
    assert run(tmp_path)[0] and set(states(tmp_path).values()) == {'done'}
    assert (
        len(calls(tmp_path, 'finetune/scratch/seed0')) == 2
        and len(calls(tmp_path, 'finetune/egoexo/seed0')) == 1
    )


def test_resumes_after_kill_9(tmp_path):
    """The runner and its children die within a step, which continues from its checkpoint."""
    config = write_study(tmp_path)
    command = [
        sys.executable,
        str(ROOT / 'tools/study.py'),
        str(config),
        '--work-dir',
        str(tmp_path / 'out'),
        '--cells',
        'third_only',
        '--seeds',
        '0',
    ]
    first = subprocess.Popen(
        command, env=dict(os.environ, TOY_SLEEP='60'), stdout=subprocess.DEVNULL
    )
    checkpoint = tmp_path / 'out/world/last_checkpoint'
    deadline = time.monotonic() + 60
    while not checkpoint.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(first.pid, signal.SIGKILL)
    first.wait()
    step = plan_of(tmp_path).steps['world']
    assert state_of(step) == 'interrupted'
    assert (
        take_lock(step.folder / LOCK) is None
    )  # its process lives on: not to be started a second time
    os.kill(read_marker(step.folder)['pid'], signal.SIGKILL)
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert calls(tmp_path, 'world') == ['train', 'train'] and calls(
        tmp_path, 'pretrain/third/seed0'
    ) == ['train']
    assert '| third_only | 1 done | 20.0 (n=1) | baseline |' in done.stdout
    assert json.loads((tmp_path / 'out/study.json').read_text())['cells']['third_only']['runs'] == {
        '0': 'done'
    }


def test_interrupted_step_resumes_from_its_checkpoint(tmp_path):
    """With ``resume``, and without what only a first start may say (``from=``)."""
    write_study(tmp_path)
    assert run(tmp_path, cells=['egoexo'], seeds=[0])[0]
    folder = tmp_path / 'out/finetune/egoexo/seed0'
    marker = read_marker(folder)
    (folder / 'study_step.json').write_text(json.dumps(dict(marker, state='started')))
    (tmp_path / 'out/test/egoexo/seed0/study_step.json').unlink()
    _, said = run(tmp_path, cells=['egoexo'], seeds=[0])
    assert 'resume finetune/egoexo/seed0' in said
    assert [
        line.split()[1].partition('=')[0] for line in calls(tmp_path, 'finetune/egoexo/seed0')
    ] == ['from', '--resume']
    (folder / 'study_step.json').write_text(json.dumps(dict(marker, state='started')))
    (
        folder / 'last_checkpoint'
    ).unlink()  # killed before the first checkpoint: from the start, with its weights
    _, said = run(tmp_path, cells=['egoexo'], seeds=[0])
    assert (
        'start finetune/egoexo/seed0' in said
        and 'from=' in calls(tmp_path, 'finetune/egoexo/seed0')[-1]
    )


def test_a_second_runner_is_refused(tmp_path):
    write_study(tmp_path)
    lock = take_lock(tmp_path / 'out/.study.lock')
    with pytest.raises(StudyError, match='another tools/study.py is at work here'):
        run(tmp_path)
    os.close(lock)


def test_changed_settings(tmp_path):
    """Neither reused nor thrown away."""
    write_study(tmp_path)
    run(tmp_path, cells=['third_only'], seeds=[0])
    (tmp_path / 'model.py').write_text('optimizer = dict(lr=0.2)\n')
    plan = plan_of(tmp_path, cells=['third_only'], seeds=[0])
    with pytest.raises(
        StudyError,
        match=r'3 steps ran with other settings .* pretrain/third/seed0: optimizer.lr was 0.1 '
        r'and is 0.2; restore the setting, .* --redo-changed',
    ):
        settle_changes(plan, redo=False)
    results = collect(plan)
    assert results['cells']['third_only'] == dict(
        numbers={'top1': {}}, runs={0: 'changed'}, steps={0: plan.runs['third_only', 0]}
    )
    said = []
    settle_changes(plan, redo=True, say=said.append)
    assert 'set aside pretrain/third/seed0 as seed0.old1: its settings have changed' in said
    assert run(tmp_path, cells=['third_only'], seeds=[0])[0]
    assert len(calls(tmp_path, 'world')) == len(calls(tmp_path, 'pretrain/third/seed0')) == 1
    assert len(calls(tmp_path, 'pretrain/third/seed0.old1')) == 1


def test_dry_run_writes_nothing(tmp_path):
    config = write_study(tmp_path)
    done = subprocess.run(
        [
            sys.executable,
            str(ROOT / 'tools/study.py'),
            str(config),
            '--work-dir',
            str(tmp_path / 'out'),
            '--dry-run',
            '--cells',
            'egoexo',
            '--seeds',
            '3',
        ],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert '# finetune/egoexo/seed3 (needs pretrain/egoexo/seed3): waiting' in done.stdout
    assert f'TOY={tmp_path} {sys.executable}' in done.stdout and not (tmp_path / 'out').exists()
