"""Two small real teachers and a config that runs them over a list of videos."""

from __future__ import annotations

import builtins
import time
from pathlib import Path

import numpy as np
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.runner import Runner
from torch import nn
from torch.nn import functional as F

from egoexo_mm.models.teachers import ScoreTeacher, Teacher
from egoexo_mm.targets import HAND, TargetStore

ROOT = Path(__file__).parents[2]


@MODELS.register_module()
class ColourTeacher(ScoreTeacher):
    """Mean colour of the cells of a 2 x 2 grid, as 12 scores: exact in every batch.

    Args:
        seconds: that a batch takes longer.
        broken_at: Number of the batch that raises ``error``, a built-in exception or torch's
            ``OutOfMemoryError``.
    """

    signal, target = 'object_score', 'object_score'

    def __init__(
        self, seconds: float = 0.0, broken_at: int | None = None, error: str = 'ValueError'
    ) -> None:
        super().__init__(name='colours', num_scores=12)
        self.seconds, self.broken_at, self.error = seconds, broken_at, error
        self.prepared: list[tuple] = []  # shapes that were seen
        self.batches: list[tuple] = []
        self.freeze()

    def prepare(self, pixels):
        self.prepared.append(tuple(pixels.shape))
        return F.adaptive_avg_pool2d(pixels.float() / 32, 2)

    def logits(self, items):
        self.batches.append(tuple(items.shape))
        if len(self.batches) == self.broken_at:
            raise getattr(builtins, self.error, torch.cuda.OutOfMemoryError)('of the teacher')
        time.sleep(self.seconds)
        return items.mean(1).flatten(1)

    def clip_items(self, num_frames):
        return torch.arange(num_frames)[:, None]


@MODELS.register_module()
class ConvTeacher(ColourTeacher):
    """A convolution with seeded weights."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 12, 2)
        nn.init.normal_(self.conv.weight, generator=torch.Generator().manual_seed(0))
        self.formats: list[
            tuple
        ] = []  # type of the features, whether weights and input are channels last
        self.freeze()

    def logits(self, items):
        frames = items.flatten(0, 1)
        out = self.conv(frames)
        self.formats.append(
            (
                out.dtype,
                *(
                    x.is_contiguous(memory_format=torch.channels_last)
                    for x in (self.conv.weight, frames)
                ),
            )
        )
        return super().logits(out.float().unflatten(0, items.shape[:2]))


@MODELS.register_module()
class BrightBoxTeacher(Teacher):
    """A hand box in every frame, as high as the frame is bright.

    Frames keep their size, so sizes do not mix in a batch.
    """

    signal, target = 'interaction', 'interaction_map'

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__(name='bright')
        self.seconds = seconds
        self.batches: list[tuple] = []

    def prepare(self, pixels):
        return pixels.float()

    def infer(self, items, frame_size):
        assert tuple(items.shape[-2:]) == frame_size
        self.batches.append(tuple(items.shape))
        time.sleep(self.seconds)
        return [item.mean().item() / 255 for item in items]

    def row(self, results, frames):
        box = np.array([[0.25, 0, 0.75, value] for value in results])
        return dict(
            frame=frames[:, 0], box=box, score=np.full(len(box), 0.5), kind=np.full(len(box), HAND)
        )

    def targets(self, pixels):
        raise NotImplementedError


def config(
    root: Path,
    store: str = 'store',
    *,
    teacher: str = 'ColourTeacher',
    plan: dict | None = None,
    workers: int = 0,
    loop: dict = {},
    model: dict = {},
    **dataset,
) -> Config:
    """Over ``root / 'list.txt'`` with videos in ``root / 'videos'``."""
    cfg = Config.fromfile(ROOT / 'configs/_egoexo_base_/extraction.py')
    cfg.merge_from_dict(
        dict(
            custom_imports=dict(imports=['egoexo_mm', 'tests.engine.extraction_case']),
            model=dict(type=teacher, **model),
            work_dir=str(root / 'work'),
            experiment_name=f'{Path(store).name}_{time.time_ns()}',
            test_dataloader=dict(
                num_workers=workers,
                dataset=dict(
                    ann_file=str(root / 'list.txt'),
                    data_prefix=dict(video=str(root / 'videos')),
                    plan=plan or dict(type='EveryKthFrame', stride=4),
                    **dataset,
                ),
            ),
            test_cfg=dict(store=str(root / store), dataset='test', **{'batch_size': 8, **loop}),
        )
    )
    return cfg


def extract(cfg: Config) -> Runner:
    """Run it here; the loop is at ``runner.test_loop``."""
    runner = Runner.from_cfg(cfg)
    runner.counts = runner.test()
    return runner


def rows(store: Path) -> dict:
    """All values of a store, by video."""
    store = TargetStore(store)
    if store.manifest.kind == 'scores':
        return {key: (*store.info(key), *store.scores(key).tolist()) for key in store.video_ids}
    found = {}
    for key in store.video_ids:
        frames = store.detection_frames(key)
        boxes = store.detections(key, np.unique(frames))
        found[key] = (
            *store.info(key),
            frames.tolist(),
            boxes.box.tolist(),
            boxes.score.tolist(),
            boxes.kind.tolist(),
        )
    return found
