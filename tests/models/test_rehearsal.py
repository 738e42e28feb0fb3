"""Training and testing of every shipped recognizer on the meta device.

On that device tensors have shapes and no values. Reading one on the host raises, and so does mixing
it with a tensor that a module forgot to move. This does not show a step on a GPU: see test_gpu.py.
"""

import re
import shutil
import sys
from pathlib import Path

import pytest
import torch

from tests.hosts import needs, one_hot_on_meta

ROOT = Path(__file__).parents[2]
sys.path.insert(0, str(ROOT / 'tools' / 'benchmarks'))
import memory  # noqa: E402
import rehearsal  # noqa: E402

sys.path.remove(str(ROOT / 'tools' / 'benchmarks'))
pytestmark = needs('torch', '2.1', 'pooling on the meta device')
NAMES = rehearsal.recognizers()
ONE_SIZE = ('VisionTransformer', 'TimeSformer', 'UniFormerV2', 'MViT')  # tested as they are trained


def test_all_of_them():
    """Configs that differ in data or weights only share a rehearsal."""
    assert {
        'egoexo_slowfast_k400.py',
        'egoexo_slowfast_r101_k400.py',
        'egoexo_slowonly_k400.py',
        'slowfast_k400.py',
        'slowonly_k400.py',
        'egoexo_swin_tiny_k400.py',
        'egoexo_vit_small_k400.py',
        'egoexo_vit_base_k400.py',
        'egoexo_uniformerv2_base_k400.py',
        'egoexo_mvit_small_k400.py',
        'egoexo_tsm_r50_k400.py',
    } <= set(NAMES) and len(NAMES) > 20
    assert not any(name.startswith('_') for name in NAMES)


def steps(name):
    """A training step, and a test of 10 clips x 3 crops, ten views at a time."""
    cfg = rehearsal.load(name)
    if cfg.model.data_preprocessor.get('blending') and not one_hot_on_meta():
        pytest.skip('needs a newer PyTorch on the meta device')
    model = rehearsal.build(cfg, 'meta')
    loss, logged = rehearsal.losses(model, rehearsal.batch(cfg, 2))
    assert {value.device.type for value in logged.values()} == {'meta'} and loss.shape == ()
    loss.backward()
    assert all(p.grad.device.type == 'meta' for p in model.parameters() if p.requires_grad)

    seen = []
    model.train(False)
    model.backbone.register_forward_pre_hook(lambda _, args: seen.append(tuple(args[0].shape)))
    frames, _ = rehearsal.clip(cfg)
    size = rehearsal.test_crop(cfg) if cfg.model.backbone.type in ONE_SIZE else 256
    with torch.no_grad():
        if rehearsal.on_frames(cfg):
            data = rehearsal.test_frames(cfg, size)
        else:
            data = rehearsal.video(cfg, clips=10, size=size, width=340, frames=40)
        (sample,) = model.test_step(data)
    scores = sample.pred_score
    for score in scores.values() if isinstance(scores, dict) else [scores]:
        assert score.device.type == 'meta' and score.dim() == 1
    if rehearsal.on_frames(cfg):
        assert seen == [(3 * frames, 3, size, size)]
    else:
        assert seen == [(10, 3, frames, size, size)] * 3


@pytest.mark.parametrize('name', [name for name in NAMES if 'r101' not in name])
def test_steps(name):
    steps(name)


@pytest.mark.slow
@pytest.mark.parametrize('name', [name for name in NAMES if 'r101' in name])
def test_steps_of_deeper_networks(name):
    steps(name)


def test_the_config_of_the_docs(tmp_path):
    """VideoMAE as docs/backbones.md writes it down."""
    text = (ROOT / 'docs' / 'backbones.md').read_text(encoding='utf-8')
    code = next(
        part for part in re.findall('```python\n(.*?)```', text, re.S) if '_base_ = ' in part
    )
    shutil.copytree(ROOT / 'configs' / '_egoexo_base_', tmp_path / '_egoexo_base_')
    (tmp_path / 'my_videomae.py').write_text(code, encoding='utf-8')
    cfg = rehearsal.load(tmp_path / 'my_videomae.py')
    assert rehearsal.clip(cfg) == (16, 224) and rehearsal.map_size(cfg) == (8, 14, 14)
    steps(tmp_path / 'my_videomae.py')


def test_it_finds_what_it_looks_for():
    """A value read by the host, and a tensor that stays behind."""
    cfg = rehearsal.load('miniworld/pretrain_egoexo.py')
    model = rehearsal.build(cfg, 'meta')
    head = model.aux_heads['ego_score']
    whole = head.forward
    head.forward = lambda feats: whole(feats) * whole(feats).sum().item()
    with pytest.raises(RuntimeError, match='(?i)meta'):
        rehearsal.losses(model, rehearsal.batch(cfg, 2))
    forgotten = torch.ones(2)
    head.forward = lambda feats: whole(feats) * forgotten
    with pytest.raises(RuntimeError, match='(?i)meta'):
        rehearsal.losses(model, rehearsal.batch(cfg, 2))[0].backward()


def can_checkpoint():
    """Whether this PyTorch recomputes on the meta device; 2.0 and 2.1 look for ``torch.meta``."""
    one = torch.ones(1, device='meta', requires_grad=True)
    try:
        torch.utils.checkpoint.checkpoint(torch.relu, one, use_reentrant=True)
    except AttributeError:
        return False
    return True


def test_counted_memory():
    """Bytes that a convolution and a rectifier keep, by hand; checkpointing keeps fewer."""
    cfg = rehearsal.load('miniworld/pretrain_egoexo.py')
    one, two, three = (memory.kept(cfg, clips) for clips in (2, 3, 4))
    assert two - one == three - two > 0
    frames, size = rehearsal.clip(cfg)
    first = model_input = 3 * frames * size**2 * 4  # the fast pathway keeps its input, float32
    assert two - one > first + model_input // 2  # and the slow pathway every second frame of it
    if can_checkpoint():
        assert memory.kept(memory.checkpointed(cfg), 2) < 0.8 * one
    assert memory.kept(cfg, 2, half=True) < 0.62 * one
    assert memory.fixed(cfg) == 12 * sum(
        p.numel() for p in rehearsal.build(cfg, 'meta').parameters()
    )


@pytest.mark.skipif(not can_checkpoint(), reason='needs a newer PyTorch on the meta device')
def test_counted_memory_of_a_transformer():
    """Of a block that is computed again its input alone: 4 x 6 x 6 tokens of 96 channels."""
    few, many = (rehearsal.load('miniworld/interaction_map_vit.py') for _ in range(2))
    few.model.backbone.depth, many.model.backbone.depth = 2, 5
    more = memory.kept(many, 2, blocks=True) - memory.kept(few, 2, blocks=True)
    assert more == 3 * 2 * (4 * 6 * 6) * 96 * 4
    assert memory.blocks_of(few) == ['blocks.0', 'blocks.1']
    assert memory.blocks_of(rehearsal.load('slowonly_k400.py')) == []
    # weights, gradients and two moments of AdamW
    assert memory.fixed(few, moments=2) == memory.fixed(few) // 12 * 16


def test_largest_batch():
    # (11 - 1.5 - 0.5) GiB of 1 GiB clips; 16, 24, 40 and 80 likewise
    assert memory.largest(memory.GIB // 2, memory.GIB) == '9 / 14 / 22 / 38 / 78'
