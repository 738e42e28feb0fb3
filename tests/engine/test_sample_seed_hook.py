from types import SimpleNamespace

import pytest
import torch
from mmaction.registry import HOOKS
from mmengine.dataset import ConcatDataset, RepeatDataset
from mmengine.hooks import Hook
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

import egoexo_mm  # noqa: F401
import tests.training.toy  # noqa: F401
from egoexo_mm.datasets import VideoTargetDataset
from egoexo_mm.engine import SampleSeedHook
from tests.compat.toy_runner import toy_run
from tests.media import write_kinetics


def dataset(root):
    return VideoTargetDataset(str(root / 'list.txt'), [dict(type='SeedAugmentations')])


class Runner(SimpleNamespace):
    """The fields that the hook reads."""


def runner(data, loop=EpochBasedTrainLoop):
    warnings = []
    return Runner(
        train_loop=loop.__new__(loop),
        seed=3,
        epoch=2,
        iter=10,
        warnings=warnings,
        logger=SimpleNamespace(warning=warnings.append),
        train_dataloader=SimpleNamespace(dataset=data),
    )


def test_wrapped_datasets_are_told_the_epoch(tmp_path):
    write_kinetics(tmp_path, num_videos=2, num_frames=2)
    parts = [dataset(tmp_path), dataset(tmp_path), dataset(tmp_path)]
    for data in (ConcatDataset(parts[:2]), RepeatDataset(parts[2], 2)):
        SampleSeedHook().before_train_epoch(runner(data))
    assert [part.pipeline.transforms[0]._state.tolist() for part in parts] == [[3, 2]] * 3


def test_other_loops_are_left_alone(tmp_path):
    write_kinetics(tmp_path, num_videos=2, num_frames=2)
    data = dataset(tmp_path)
    fake = runner(data, IterBasedTrainLoop)
    SampleSeedHook().before_train_epoch(fake)
    assert data.pipeline.transforms[0]._state.tolist() == [-1, -1]
    assert 'epoch-based' in fake.warnings[0]


def test_dropout_is_seeded_at_the_first_iteration_only():
    fake, hook = runner(None), SampleSeedHook()
    hook.before_train_iter(fake, 0)
    first = torch.rand(1)
    torch.rand(3)
    hook.before_train_iter(fake, 0)
    assert torch.equal(torch.rand(1), first)
    hook.before_train_iter(fake, 1)
    assert not torch.equal(torch.rand(1), first)
    fake.iter = 11
    hook.before_train_iter(fake, 0)
    assert not torch.equal(torch.rand(1), first)


@HOOKS.register_module()
class SeenSteps(Hook):
    """The samples and the learning rate of each iteration."""

    def before_run(self, runner):
        self.steps = []

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        names = [sample.filename for sample in data_batch['data_samples']]
        rate = round(runner.optim_wrapper.get_lr()['lr'][0], 6)
        self.steps.append((runner.epoch, runner.iter, names, rate))


@pytest.mark.parametrize('saved', [2, 3, 4])
def test_resumed_within_an_epoch(tmp_path, saved):
    """The steps that were left, with the samples and the rates of the uninterrupted run."""

    def steps(folder, **options):
        run = toy_run(
            tmp_path / folder,
            custom_hooks=[dict(type='SampleSeedHook'), dict(type='SeenSteps')],
            default_hooks__checkpoint__by_epoch=False,
            default_hooks__checkpoint__max_keep_ckpts=9,
            train_dataloader__sampler__shuffle=True,
            param_scheduler=[
                dict(
                    type='WarmupCosineLR', T_max=3, end=3, by_epoch=True, convert_to_iter_based=True
                )
            ],
            **options,
        )
        return next(hook.steps for hook in run.hooks if isinstance(hook, SeenSteps))

    whole = steps('a')
    assert len(whole) == 9  # three epochs of three
    rest = steps('b', resume=True, load_from=tmp_path / 'a' / f'iter_{saved}.pth')
    assert rest == whole[saved:]
