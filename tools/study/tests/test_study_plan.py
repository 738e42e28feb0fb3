"""Which steps a study has, in which order, and what their fingerprints notice."""

import pytest
from mmengine.config import Config

from study.fingerprint import Fingerprints, changes
from study.plan import StudyError, make_plan
from study.tests.toy_study import plan_of, write_study


def test_shared_steps_run_once(tmp_path):
    write_study(tmp_path)
    plan = plan_of(tmp_path)
    # 1 world; 2 pre-trainings, 4 fine-tunings and 4 tests for each of 2 seeds
    assert len(plan.steps) == 1 + 2 * (2 + 4 + 4)
    assert plan.step('egoexo', 1, 'pretrain') is plan.step('egoexo_star', 1, 'pretrain')
    assert plan.step('scratch', 0, 'pretrain') is None
    assert plan.step('scratch', 0, 'finetune').needs == ()


def test_every_step_comes_after_what_it_needs(tmp_path):
    write_study(tmp_path)
    seen = set()
    for key, step in plan_of(tmp_path).steps.items():
        assert set(step.needs) <= seen
        seen.add(key)


def test_naming_a_step_fills_its_folder_and_needs_it(tmp_path):
    write_study(tmp_path)
    plan = plan_of(tmp_path)
    tested = plan.step('egoexo', 1, 'test')
    assert (
        tested.command[-1] == f'{tmp_path}/out/finetune/egoexo/seed1/epoch_1.pth'
        and tested.command[-2] == '31'
    )
    assert tested.needs == ('finetune/egoexo/seed1',)
    tuned = plan.step('egoexo', 1, 'finetune')
    assert (
        tuned.command[-1] == f'from={tmp_path}/out/pretrain/egoexo/seed1'
        and tuned.resume[-1] == '--resume'
    )
    assert list(plan.dependents('pretrain/egoexo/seed1')) == [
        'finetune/egoexo/seed1',
        'test/egoexo/seed1',
        'finetune/egoexo_star/seed1',
        'test/egoexo_star/seed1',
    ]


def test_wanted_cells_and_seeds(tmp_path):
    write_study(tmp_path)
    plan = plan_of(tmp_path, cells=['third_only'], seeds=[7])
    assert list(plan.steps) == [
        'world',
        'pretrain/third/seed7',
        'finetune/third_only/seed7',
        'test/third_only/seed7',
    ]
    (tmp_path / 'fewer').mkdir()
    write_study(tmp_path / 'fewer', extra="cells['scratch']['seeds'] = [1]\n")
    assert [seed for cell, seed in plan_of(tmp_path / 'fewer').runs if cell == 'scratch'] == [1]
    with pytest.raises(StudyError, match='none of the wanted cells has one of the wanted seeds'):
        plan_of(tmp_path / 'fewer', cells=['scratch'], seeds=[0])
    with pytest.raises(
        StudyError, match='no cell ego; its cells are scratch, third_only, egoexo, egoexo_star'
    ):
        plan_of(tmp_path, cells=['ego'])


@pytest.mark.parametrize(
    'extra, message',
    [
        (
            "steps['test']['folder'] = 'test/{cell}'",
            'two different steps have the folder test/scratch',
        ),
        (
            "steps['world']['needs'] = ['test']",
            'circle: test -> finetune -> pretrain -> world -> test',
        ),
        ("steps['world']['command'] = 'run {nothing}'", 'nothing fills the placeholder {nothing}'),
        ("steps['world']['when'] = 'now'", 'got when'),
        ("cells['egoexo']['world'] = 1", 'world is a step and cannot be a variable as well'),
        (
            "goals = ['tset']",
            "no step is called 'tset'; the steps are world, pretrain, finetune, test",
        ),
        ('goals = []', 'cell scratch has no goals'),
        ('seeds = []', 'a study needs seeds'),
    ],
)
def test_mistakes_are_named(tmp_path, extra, message):
    write_study(tmp_path, extra=extra + '\n')
    with pytest.raises(StudyError, match=message.replace('{', r'\{')):
        plan_of(tmp_path)


def test_fingerprints(tmp_path):
    """Values count, wording does not; a moved study is the same.

    A change reaches the steps after it and no other.
    """
    write_study(tmp_path)
    before = plan_of(tmp_path).steps
    (tmp_path / 'model.py').write_text('# the same\noptimizer = dict(\n    lr=0.1)\n')
    assert {key: step.fingerprint for key, step in plan_of(tmp_path).steps.items()} == {
        key: step.fingerprint for key, step in before.items()
    }
    elsewhere = make_plan(Config.fromfile(tmp_path / 'study.py'), tmp_path / 'other')
    assert [step.fingerprint for step in elsewhere.steps.values()] == [
        step.fingerprint for step in before.values()
    ]
    (tmp_path / 'model.py').write_text('optimizer = dict(lr=0.2)\n')
    after = plan_of(tmp_path).steps
    assert [key for key in before if before[key].fingerprint == after[key].fingerprint] == ['world']
    key = 'pretrain/third/seed0'
    assert changes(before[key].inputs, after[key].inputs) == 'optimizer.lr was 0.1 and is 0.2'


def test_what_configs_got_later_does_not_count(tmp_path):
    """Studies that were run before the classes of the study left the package stay valid."""
    found = []
    for imports, head in (
        ("'egoexo_mm'", 'head = dict(loss_object=1)'),
        ("'egoexo_mm', 'study.modules'", 'head = dict(loss_held_object=1)\nnum_maps = 8'),
    ):
        config = tmp_path / 'train.py'
        config.write_text(f'custom_imports = dict(imports=[{imports}])\nlr = 0.1\n{head}\n')
        found.append(Fingerprints(tmp_path, tmp_path).of(['run'], str(config), {}, []))
    assert found[0] == found[1]
    config.write_text(config.read_text().replace('study.modules', 'mine'))
    assert Fingerprints(tmp_path, tmp_path).of(['run'], str(config), {}, [])[1] != found[0][1]


def test_a_moved_repository_is_the_same(tmp_path):
    """A config that names its own folder says the same in every checkout."""
    found = []
    for name in ('here', 'there'):
        config = tmp_path / name / 'configs' / 'extract.py'
        config.parent.mkdir(parents=True)
        config.write_text("teacher = '{{ fileDirname }}/teacher.py'\n")
        found.append(
            Fingerprints(tmp_path / 'study', tmp_path / name).of(['run'], str(config), {}, [])
        )
    assert found[0] == found[1] and found[0][0]['config'] == dict(
        teacher="'<repository>/configs/teacher.py'"
    )
