"""A shipped config's model and a batch of its loader on any device: real, ``meta`` or fake.

On the ``meta`` device tensors have shapes and no values: a step that reads a value on the host, or
mixes devices, fails.
"""

from __future__ import annotations

from pathlib import Path

import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config

import egoexo_mm  # noqa: F401
from egoexo_mm.interaction_maps import MapGeometry
from egoexo_mm.models.backbone_presets import map_geometry
from egoexo_mm.models.raw_views import FrameViews

CONFIGS = Path(__file__).resolve().parents[2] / 'configs'
RECOGNIZERS = ('EgoExoRecognizer', 'EgoExoRecognizer2D', 'Recognizer3D', 'InteractionMapRecognizer')


def load(name: str | Path) -> Config:
    """A config below ``configs`` without weights to download and teachers, which need files."""
    cfg = Config.fromfile(CONFIGS / name)
    if 'backbone' in cfg.get('model', ()):
        cfg.model.backbone.pop('pretrained', None)
        cfg.model.pop('teachers', None)
    return cfg


def recognizers() -> list[str]:
    """Names of the shipped configs that train a recognizer of clips.

    Of configs that differ in data or weights only, the first is taken.

    Those of the small world and of studies, which a CPU trains, are left out.
    """
    found = {}
    for path in sorted(CONFIGS.rglob('*.py'), key=lambda path: (len(path.parts), path)):
        folders = path.relative_to(CONFIGS).parts[:-1]
        if any(folder.startswith('_') or folder in ('study', 'miniworld') for folder in folders):
            continue
        cfg = load(path)
        if cfg.get('model', {}).get('type') in RECOGNIZERS and cfg.get('train_dataloader'):
            found.setdefault(
                str((cfg.model, clip(cfg), targets(cfg))), str(path.relative_to(CONFIGS))
            )
    return list(found.values())


def pipeline(cfg: Config) -> list[dict]:
    """Of training; of several data sets the first one's."""
    data = cfg.train_dataloader.dataset
    return (data if 'pipeline' in data else data.datasets[0]).pipeline


def on_frames(cfg: Config) -> bool:
    """Whether the recognizer has frames in the batch dimension."""
    return cfg.model.type == 'EgoExoRecognizer2D'


def clip(cfg: Config) -> tuple[int, int]:
    """Frames and pixels of a training clip."""
    sampler = next(step for step in pipeline(cfg) if 'clip_len' in step)
    frames = sampler['clip_len'] * (sampler['num_clips'] if on_frames(cfg) else 1)
    sizes = dict(
        RandomRescaleCrop='size', RandomCrop='size', CenterCrop='crop_size', Resize='scale'
    )
    size = [step[sizes[step['type']]] for step in pipeline(cfg) if step['type'] in sizes][-1]
    return frames, size if isinstance(size, int) else size[0]


def targets(cfg: Config) -> dict | None:
    """What ``LoadTargets`` of the training pipeline says."""
    return next((dict(step) for step in pipeline(cfg) if step['type'] == 'LoadTargets'), None)


def map_size(cfg: Config) -> tuple[int, int, int]:
    """Frames, rows and columns of a training map; those of the backbone where nothing is said."""
    frames, size = clip(cfg)
    loads = targets(cfg) or {}
    said = {name: loads[name] for name in ('time_stride', 'cell_size') if loads.get(name)}
    if 'time_stride' in said:
        geometry = MapGeometry(**said)  # cells of 32 pixels, or the pipeline says it
    else:
        geometry = map_geometry(cfg.model)
    return (frames // geometry.time_stride, *geometry.grid((size, size)))


def samples(cfg: Config, count: int) -> list[ActionDataSample]:
    """Samples with random labels and targets, as the pipeline leaves them."""
    head, made = cfg.model.cls_head, []
    heads = [learner for learner in (cfg.model.get('aux_heads') or {}).values() if learner]
    scored = [learner for learner in heads if learner.type == 'ScoreDistillHead']
    maps = map_size(cfg) if len(scored) < len(heads) else None
    for _ in range(count):
        sample = ActionDataSample()
        if head.type == 'VerbNounHead':
            sample.set_gt_label(torch.tensor([0, 1]))
        else:
            sample.set_gt_label(torch.ones(head.num_classes) if head.get('multi_class') else 0)
        for learner in scored:
            sample.set_field(torch.randn(learner.num_classes), learner.target)
        if maps:
            sample.set_field(torch.rand(2, *maps), 'interaction_map')
        made.append(sample)
    return made


def batch(cfg: Config, count: int, seed: int = 0) -> dict:
    """A training batch of random uint8 clips, as ``pseudo_collate`` leaves it."""
    frames, size = clip(cfg)
    shape = (frames, 3, size, size) if on_frames(cfg) else (1, 3, frames, size, size)
    generator = torch.Generator().manual_seed(seed)
    clips = [
        torch.randint(0, 256, shape, dtype=torch.uint8, generator=generator) for _ in range(count)
    ]
    return dict(inputs=clips, data_samples=samples(cfg, count))


def test_crop(cfg: Config) -> int:
    """Pixels of the crops that are tested."""
    steps = cfg.test_dataloader.dataset.pipeline
    return [step['crop_size'] for step in steps if 'crop_size' in step][-1]


def test_frames(cfg: Config, size: int) -> dict:
    """A test batch of a 2D recognizer: frames of one video, with 3 crops."""
    frames = clip(cfg)[0]
    clips = torch.randint(0, 256, (3 * frames, 3, size, size), dtype=torch.uint8)
    return dict(inputs=[clips], data_samples=[ActionDataSample()])


def video(cfg: Config, clips: int, size: int, width: int, frames: int) -> dict:
    """A test batch of a random video: ``clips`` clips x 3 crops, packed by ``FormatViews``."""
    length = clip(cfg)[0]
    starts = torch.linspace(0, max(frames - length, 0), clips).long()
    crops = torch.tensor([[x, 0, x + size, size] for x in (0, width - size, (width - size) // 2)])
    once = dict(
        frames=torch.randint(0, 256, (frames, size, width, 3), dtype=torch.uint8),
        clip_frames=(starts[:, None] + torch.arange(length)).clamp(max=frames - 1),
        crops=crops,
    )
    return dict(
        inputs={key: [value] for key, value in once.items()}, data_samples=[ActionDataSample()]
    )


def views(data: dict) -> dict:
    """The same video with every view copied, as ``FormatShape`` packs it."""
    once = FrameViews(**{key: value[0] for key, value in data['inputs'].items()})
    return dict(inputs=[torch.stack(list(once))], data_samples=[ActionDataSample()])


def build(cfg: Config, device: str) -> torch.nn.Module:
    """The model in training mode, its weights initialised where the device has values."""
    torch.manual_seed(0)
    model = MODELS.build(cfg.model)
    if device != 'meta':
        model.init_weights()
    return model.to(device).train()


def losses(model: torch.nn.Module, data: dict) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Total loss and all that is logged, of a batch from the loader."""
    return model.parse_losses(model(**model.data_preprocessor(data, True), mode='loss'))
