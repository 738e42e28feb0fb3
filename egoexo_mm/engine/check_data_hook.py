"""Data that does not fit the run is reported before it begins."""

from __future__ import annotations

from typing import Any

from mmaction.datasets import RepeatAugDataset
from mmaction.registry import HOOKS
from mmengine.dataset import BaseDataset
from mmengine.dist import get_world_size
from mmengine.hooks import Hook
from mmengine.runner import Runner

from .runner_parts import bare_model, built_loop, inner_datasets


@HOOKS.register_module()
class CheckDataHook(Hook):
    """Refuse a training list smaller than one batch of all ranks, and labels beyond the class head.

    Both would show late: in an epoch without a step, and in an index error on the device. The
    ``collate_fn`` of repeated augmentation is checked too.
    """

    def before_run(self, runner: Runner) -> None:
        """Check the loaders of the loops that are about to run.

        Raises:
            ValueError: With the figures and what to set.
        """
        loops = {name: built_loop(runner, name) for name in ('train', 'val', 'test')}
        if loops['train']:
            check_batches(loops['train'].dataloader)
            check_repeats(loops['train'].dataloader)
        head = getattr(bare_model(runner), 'cls_head', None)
        for loop in filter(None, loops.values()):
            for dataset in inner_datasets(loop.dataloader.dataset):
                check_labels(dataset, head)


def check_batches(loader: Any) -> None:
    """Refuse a loader that gives no batch.

    Raises:
        ValueError: With samples, batch size, ranks and what to set.
    """
    if not hasattr(loader.dataset, '__len__') or len(loader):
        return
    ranks, size, samples = get_world_size(), loader.batch_size or 1, len(loader.dataset)
    share = -(-samples // ranks)  # samplers give every rank as many
    source = next(
        (data.ann_file for data in inner_datasets(loader.dataset) if hasattr(data, 'ann_file')),
        'training set',
    )
    fewer = 'start fewer processes, ' if ranks > 1 else ''
    raise ValueError(
        f'{source}: {samples} videos or segments give no batch, since train_dataloader has '
        f'batch_size={size} on {ranks} process{"es" * (ranks > 1)} and drop_last=True, which '
        f'needs {(size - 1) * ranks + 1}; set train_dataloader.batch_size={share} or less (and '
        f'--auto-scale-lr, since the learning rate is that of larger batches), {fewer}or set '
        'train_dataloader.drop_last=False'
    )


def check_repeats(loader: Any) -> None:
    """Refuse lists of clips of a video in a loader that does not join them, and the reverse.

    Raises:
        ValueError: With what to set.
    """
    data = [one for one in inner_datasets(loader.dataset) if isinstance(one, BaseDataset)]
    repeats = [getattr(one, 'num_repeats', 1) for one in data]
    lists = [isinstance(one, RepeatAugDataset) or n > 1 for one, n in zip(data, repeats)]
    collate = getattr(loader.collate_fn, 'func', loader.collate_fn)  # MMEngine makes a partial
    name = getattr(collate, '__name__', '')
    if any(lists) and name in ('pseudo_collate', 'default_collate'):
        raise ValueError(
            f'num_repeats={max(repeats)} gives lists of clips, and collate_fn of the loader is '
            f"{name}; set train_dataloader.collate_fn=dict(type='repeat_pseudo_collate')"
        )
    if not all(lists) and name == 'repeat_pseudo_collate':
        raise ValueError(
            'train_dataloader.collate_fn is repeat_pseudo_collate, and '
            f'{type(data[lists.index(False)]).__name__} gives one clip of a video; set num_repeats '
            'of every data set, or remove collate_fn'
        )


def check_labels(dataset: Any, head: Any) -> None:
    """Refuse a label that the class head does not have.

    Data sets and heads that are not about actions pass.

    Raises:
        ValueError: With file and row, and what to set.
    """
    classes = head_classes(head)
    if not classes or not isinstance(dataset, BaseDataset):
        return
    several = getattr(dataset, 'multi_class', False)
    if several and len(classes) == 1 and dataset.num_classes != classes[0][1]:
        raise ValueError(
            f'{dataset.ann_file}: num_classes={dataset.num_classes} of the data set and '
            f'{classes[0][0]}={classes[0][1]} of the head differ; set both to the same number'
        )
    for i in range(len(dataset)):
        row = BaseDataset.get_data_info(dataset, i)  # as annotated; a subclass may decode
        label = row.get('label')
        labels = label if isinstance(label, list) else [label]
        limits = classes * len(labels) if several else classes
        if len(labels) != len(limits):
            continue
        for value, (setting, number) in zip(labels, limits):
            if isinstance(value, int) and value >= number:
                name = row.get('narration_id') or f'row {i}'
                where = row.get('where') or f'{dataset.ann_file}, {name}'
                raise ValueError(
                    f'{where}: label {value} is beyond the class head, which has {number} '
                    f'classes, 0 to {number - 1}; correct the label, or set '
                    f'model.cls_head.{setting} to the number of classes'
                )


def head_classes(head: Any) -> list[tuple[str, int]]:
    """(setting, number) of the classes of a head, one for each of its labels.

    Empty where they are unknown.
    """
    if isinstance(getattr(head, 'num_classes', None), int):
        return [('num_classes', head.num_classes)]
    layers = [(f'num_{part}s', getattr(head, f'fc_{part}', None)) for part in ('verb', 'noun')]
    return [(setting, layer.out_features) for setting, layer in layers if layer is not None]
