#!/usr/bin/env python
"""Load a stripped checkpoint in MMAction2's own recognizer, without egoexo_mm, and predict."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from types import ModuleType

import mmengine
import torch
from mmengine.config import Config, ConfigDict
from mmengine.dataset import pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint

TOLERANCE = dict(cpu=1e-5, cuda=5e-3)  # of a probability; TF32 convolutions round on a GPU


def add_missing_drn() -> None:
    """The mmaction2 1.2.0 wheel imports this package and lacks it: an empty one in its place."""
    import mmaction

    name = 'mmaction.models.localizers.drn'
    if not Path(mmaction.__path__[0], 'models/localizers/drn').is_dir():
        package, module = ModuleType(name), ModuleType(f'{name}.drn')
        package.__path__, module.DRN = [], None
        sys.modules.update({name: package, f'{name}.drn': module})


def stock_model(cfg: Config) -> ConfigDict:
    """The recognizer of MMAction2 with the backbone and class head of the demo's config."""
    model = cfg.model.copy()
    model.type = 'Recognizer3D'
    model.pop('aux_heads')
    model.data_preprocessor.type = 'ActionDataPreprocessor'
    model.backbone = ConfigDict(model.backbone, type='ResNet3dSlowFast')
    if model.backbone.pop('slow_sampling') != 'stride':
        raise SystemExit("the backbone must have slow_sampling='stride', MMAction2's own sampling")
    return model


def main() -> None:
    """Test the checkpoint with MMAction2 alone and compare the scores."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('config', help='config of the training')
    parser.add_argument('checkpoint', help='checkpoint written by tools/strip_aux.py')
    parser.add_argument('expected', help='scores of the same test, dumped by tools/dist_test.sh')
    args = parser.parse_args()
    cfg = Config.fromfile(args.config, import_custom_modules=False)
    add_missing_drn()
    from mmaction.datasets import VideoDataset
    from mmaction.registry import MODELS

    init_default_scope('mmaction')
    model = MODELS.build(stock_model(cfg))
    load_checkpoint(model, args.checkpoint, map_location='cpu', strict=True)
    model.eval()
    device = 'cuda' if torch.cuda.is_available() else 'cpu'
    model.to(device)
    source = cfg.test_dataloader.dataset
    dataset = VideoDataset(
        source.ann_file, source.pipeline, data_prefix=source.data_prefix, test_mode=True
    )
    expected = mmengine.load(args.expected)
    with torch.no_grad():
        scores = [
            model.test_step(pseudo_collate([dataset[i]]))[0].pred_score.cpu()
            for i in range(len(dataset))
        ]
    if 'egoexo_mm' in sys.modules:
        raise SystemExit('egoexo_mm was imported: this was no test of stock MMAction2')
    difference = max(
        (ours['pred_score'].cpu() - score).abs().max().item()
        for ours, score in zip(expected, scores)
    )
    print(
        f'{type(model).__module__}.{type(model).__name__} with '
        f'{type(model.backbone).__name__}: all weights loaded, none left over'
    )
    print(
        f'scores of {len(scores)} validation clips differ from those of the test above by '
        f'{difference:.1e} at most'
    )
    if difference > TOLERANCE[device]:
        raise SystemExit(f'expected {TOLERANCE[device]} at most')


if __name__ == '__main__':
    main()
