"""Losses and weights that are no numbers, in runs of the test's own process."""

import math
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

import egoexo_mm  # noqa: F401
import tests.training.toy  # noqa: F401
from egoexo_mm.engine import FiniteLossHook
from egoexo_mm.engine.step_record import StepRecord, first_not_finite, video_names
from egoexo_mm.errors import RunError
from tests.compat.toy_runner import files, toy_run

BAD = dict(train_dataloader__dataset__bad=[3])  # in the second of three batches
SKIP = dict(default_hooks__finite_loss__action='skip')


def test_the_step_where_it_began_is_named(tmp_path):
    """12 steps, looked at every 5: the loss is NaN from step 8 on, found at step 10."""
    with pytest.raises(RunError) as stop:
        toy_run(
            tmp_path,
            epochs=1,
            default_hooks__finite_loss__interval=5,
            train_dataloader__dataset__num_clips=24,
            train_dataloader__dataset__bad=[15],
        )
    said = str(stop.value)
    assert said.startswith(
        'epoch 1, step 8 of 12 (iteration 8): the loss is nan; not finite: loss_cls nan; '
    )
    assert (
        'videos of the batch: clips/14.mp4, clips/15.mp4; no checkpoint was saved before; lower'
        in said
    )


def test_the_last_good_checkpoint_is_named(tmp_path):
    toy_run(tmp_path, epochs=1)
    with pytest.raises(
        RunError,
        match=rf'^epoch 2, step 2 of 3 \(iteration 5\).*'
        rf'the last good checkpoint is {tmp_path}/epoch_1\.pth; ',
    ):
        toy_run(tmp_path, resume=True, **BAD)
    assert files(tmp_path) == {'epoch_1.pth', 'last_checkpoint'}


@pytest.mark.parametrize(
    'by_epoch, when', [(True, 'epoch 1, step 3 of 3'), (False, 'iteration 3 of 9')]
)
def test_weights_are_looked_at_before_they_are_saved(tmp_path, by_epoch, when):
    """The loss of step 3 is finite and its gradient is NaN.

    The next loss would show it, too late for the checkpoint.
    """
    changes = dict(model__nan_gradient_at=3)
    if not by_epoch:
        changes.update(
            train_cfg=dict(_delete_=True, type='IterBasedTrainLoop', max_iters=9),
            default_hooks__checkpoint__by_epoch=False,
            default_hooks__checkpoint__interval=3,
            custom_hooks=[],
            log_processor__by_epoch=False,
        )
    with pytest.raises(
        RunError,
        match=rf'weights are NaN or infinite \(.*fc\.weight.*\) after {when}.*'
        'they are not saved; no checkpoint was saved before',
    ):
        toy_run(tmp_path, **changes)
    assert files(tmp_path) == set()


def test_a_save_by_another_hook_is_refused(tmp_path):
    run = toy_run(tmp_path, epochs=1)
    with torch.no_grad():
        run.model.fc.bias.fill_(math.inf)
    with pytest.raises(RunError, match=r'weights are NaN or infinite \(fc\.bias\)'):
        run.save_checkpoint(str(tmp_path), 'extra.pth')
    with torch.no_grad():
        run.model.fc.bias.zero_()
        run.model.ballast = torch.tensor([-math.inf])  # a mask in a buffer is no fault
    run.save_checkpoint(str(tmp_path), 'extra.pth')
    assert 'extra.pth' in files(tmp_path)


def test_no_validation_of_broken_weights(tmp_path):
    with pytest.raises(RunError, match='weights are NaN'):
        toy_run(
            tmp_path,
            train_cfg__val_begin=1,
            default_hooks__checkpoint__interval=9,
            model__nan_gradient_at=3,
            default_hooks__checkpoint__save_best='toy/acc',
            default_hooks__checkpoint__rule='greater',
        )
    assert files(tmp_path) == set()


def test_off(tmp_path):
    run = toy_run(tmp_path, default_hooks__finite_loss__action='off', **BAD)
    assert run.model.fc.weight.isnan().any() and 'epoch_3.pth' in files(tmp_path)


def test_a_skipped_step_changes_nothing(tmp_path):
    """A run that skips the second of three batches equals one over the first and third alone."""
    skipped = toy_run(tmp_path / 'a', **SKIP, **BAD)
    alone = toy_run(tmp_path / 'b', train_dataloader__dataset__indices=[0, 1, 4, 5])
    for (name, one), other in zip(
        skipped.model.state_dict().items(), alone.model.state_dict().values()
    ):
        assert torch.equal(one, other), name  # buffers of the batch norm too
    for one, other in zip(
        *(run.optim_wrapper.optimizer.state_dict()['state'].values() for run in (skipped, alone))
    ):
        assert torch.equal(one['momentum_buffer'], other['momentum_buffer'])


def test_an_accumulated_step_is_left_out_as_a_whole(tmp_path):
    """Steps of two batches: (0, 1), (2, 3), (4, 5).

    The bad batch 1 takes batch 0 with it; 2 to 5 are two steps.
    """
    accumulate = dict(optim_wrapper__accumulative_counts=2, train_dataloader__dataset__num_clips=12)
    bad = toy_run(
        tmp_path / 'a', epochs=1, **SKIP, **accumulate, train_dataloader__dataset__bad=[2]
    )
    alone = toy_run(
        tmp_path / 'b',
        epochs=1,
        **accumulate,
        train_dataloader__dataset__indices=list(range(4, 12)),
    )
    for name in ('fc.weight', 'fc.bias', 'norm.weight', 'norm.bias'):
        torch.testing.assert_close(
            bad.model.state_dict()[name], alone.model.state_dict()[name], msg=name
        )


def test_too_many_in_a_row(tmp_path):
    """Of six batches two to five are bad: three may be left out, the fourth ends the run."""
    with pytest.raises(
        RunError, match=r'^epoch 1, step 5 of 6 .*\(after 3 steps in a row that were left out\)'
    ):
        toy_run(
            tmp_path,
            **SKIP,
            train_dataloader__dataset__num_clips=12,
            train_dataloader__dataset__bad=[2, 4, 6, 8],
        )
    run = toy_run(
        tmp_path / 'more',
        epochs=1,
        default_hooks__finite_loss__max_skipped=4,
        **SKIP,
        train_dataloader__dataset__num_clips=12,
        train_dataloader__dataset__bad=[2, 4, 6, 8],
    )
    assert run.model.norm.num_batches_tracked == 2


def test_infinite_gradients_under_loss_scaling_are_no_fault(tmp_path, monkeypatch):
    """A scale of 2^127 makes the scaled loss infinite; GradScaler halves it and skips the steps.

    The scaler is CUDA's, run on the CPU, so that it does scale here.
    """
    from mmengine.optim.optimizer import amp_optimizer_wrapper

    monkeypatch.setattr(amp_optimizer_wrapper, 'is_cuda_available', lambda: True)
    monkeypatch.setattr(
        amp_optimizer_wrapper, 'GradScaler', lambda **kwargs: torch.amp.GradScaler('cpu', **kwargs)
    )
    run = toy_run(
        tmp_path,
        epochs=1,
        optim_wrapper__type='AmpOptimWrapper',
        optim_wrapper__loss_scale=dict(init_scale=2.0**127),
        train_dataloader__dataset__num_clips=12,
    )
    assert run.optim_wrapper.loss_scaler.get_scale() < 2.0**127
    assert all(value.isfinite().all() for value in run.model.state_dict().values())
    assert 'epoch_1.pth' in files(tmp_path)


def test_infinite_loss(tmp_path):
    with pytest.raises(
        RunError, match='the loss is inf; not finite: loss_cls inf, loss_size inf; videos'
    ):
        toy_run(tmp_path, optim_wrapper__optimizer__lr=1e30, train_dataloader__dataset__num_clips=4)


@pytest.mark.parametrize('options', [dict(action='warn'), dict(interval=0), dict(max_skipped=0)])
def test_bad_options(options):
    with pytest.raises(ValueError, match='FiniteLossHook'):
        FiniteLossHook(**options)


def test_records_keep_values_on_the_device():
    """Terms may be numbers, scalars or lists; accuracies are no losses."""
    step = StepRecord('here', 0, ['loss'], torch.tensor([1.0]), [])
    nan = StepRecord('there', 1, ['loss'], torch.tensor([math.nan]), [])
    assert (
        first_not_finite([step, nan, nan]) is nan
        and first_not_finite([step]) is None
        and first_not_finite([]) is None
    )


def test_names_of_any_batch():
    class Sample:
        def __init__(self, **meta):
            self.metainfo = meta

    detector = dict(inputs=[1], data_samples=[Sample(img_path='a.jpg', img_id=3), Sample(img_id=4)])
    assert list(video_names(detector)) == ['a.jpg', '4']
    assert list(video_names([detector, dict(data_samples=[Sample(video_id='v')])])) == [
        'a.jpg',
        '4',
        'v',
    ]
    assert list(
        video_names(dict(inputs=dict(sup=[]), data_samples=dict(sup=[Sample(filename='x')])))
    ) == ['x']
    assert list(video_names(torch.zeros(2))) == []


CONFIGS = sorted(
    path
    for path in (Path(__file__).parents[2] / 'configs').rglob('*.py')
    if not {'_base_', '_egoexo_base_', 'study'} & set(path.parts)
)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_every_shipped_config_that_trains_has_it(path):
    cfg = Config.fromfile(path)
    for parts in (  # all or none of each, or MMEngine's runner refuses the config
        ('train_dataloader', 'train_cfg', 'optim_wrapper'),
        ('val_dataloader', 'val_cfg', 'val_evaluator'),
        ('test_dataloader', 'test_cfg', 'test_evaluator'),
    ):
        assert len({cfg.get(part) is None for part in parts}) == 1, parts
    if cfg.get('train_dataloader') is not None:
        assert cfg.default_hooks.finite_loss.type in ('FiniteLossHook', 'mmaction.FiniteLossHook')
        assert cfg.default_hooks.finite_loss.action == 'stop'
