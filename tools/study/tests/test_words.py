"""Words and pictures of the small world: a tiny CLIP learns both, then names what it never saw.

The figures that docs/teachers.md gives are printed by
``python -m pytest -s --slow tools/study/tests/test_words.py``.
"""

import re
import time
from importlib import util
from pathlib import Path

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.runner import Runner
from torch.nn import functional as F

import egoexo_mm  # noqa: F401
from study.tests.miniworld_files import TINY, tiny_world
from study.world import NOUNS
from study.world.clips import render_clip
from study.world.motions import VERBS
from study.world.objects import catalogue_picture

needs_transformers = pytest.mark.skipif(
    not util.find_spec('transformers'), reason='transformers is not installed'
)
ROOT = Path(__file__).parents[3]
TIMES = np.array([0.2, 0.5, 0.8])
# what the captions say; the prompts of the test are others
CAPTIONS = dict(
    catalogue=('a photo of a {}.', 'a picture of the {}.', 'a {} on a table.', 'one {}.'),
    third=('a third-person view of a person with a {}.', 'somebody else moves the {}.'),
    first=('a first-person view of my hands with a {}.', 'I move the {} in my own hands.'),
)
VIEWS = (  # captions without a thing
    ('a third-person view of somebody.', 'a photo of a person seen by somebody else.'),
    ('a first-person view of hands.', 'a photo of my own hands.'),
)
TEMPLATES = ['a photo of the {}.', 'a picture of a {}.', 'the {}.']


def catalogue(count, seed):
    """Pictures (8 * count, 64, 96, 3) and their nouns."""
    nouns = np.tile(np.arange(len(NOUNS)), count)
    pictures = [
        catalogue_picture(NOUNS[noun], np.random.default_rng([seed, i]), 96, 64)
        for i, noun in enumerate(nouns)
    ]
    return np.stack(pictures), nouns


def clips(count, seed, paired=False):
    """Frames (count, 3, 72, 96, 3) of clips of both views in turn, their nouns and views.

    The views differ in style, as Kinetics and EPIC do. Paired ones show one scene in one style, as
    those of Charades-Ego do.
    """
    nouns = np.arange(count) // 2 % len(NOUNS)
    views = np.arange(count) % 2
    found = [
        render_clip(
            [seed, i // 2 if paired else i],
            i // 2 % len(VERBS),
            int(nouns[i]),
            view=('third', 'first')[views[i]],
            style='home' if paired else None,
            paired=paired,
            times=TIMES,
        ).frames
        for i in range(count)
    ]
    return np.stack(found), nouns, views


def learn(model, tokenizer, pixels, captions, steps, batch=64):
    """Contrastive training, in which the pictures of one caption share its text."""
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 1e-3, total_steps=steps)
    rng = np.random.default_rng(0)
    model.train()
    for _ in range(steps):
        rows = rng.integers(len(pixels), size=batch)
        said = [captions[row][rng.integers(len(captions[row]))] for row in rows]
        distinct = sorted(set(said))
        ids = tokenizer(distinct, padding=True, return_tensors='pt').input_ids
        pictures = model.get_image_features(pixel_values=moved(pixels[rows], rng)).pooler_output
        words = model.get_text_features(input_ids=ids).pooler_output
        logits = (
            model.logit_scale.exp() * F.normalize(pictures, dim=1) @ F.normalize(words, dim=1).T
        )
        loss = F.cross_entropy(logits, torch.tensor([distinct.index(one) for one in said]))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def moved(pixels, rng):
    """Mirrored in half of the batches, shifted by up to 4 pixels."""
    if rng.random() < 0.5:
        pixels = pixels.flip(-1)
    y, x = rng.integers(0, 9, 2)
    side = pixels.shape[-1]
    return F.pad(pixels, (4, 4, 4, 4), mode='replicate')[..., y : y + side, x : x + side]


def train_clip(folder, pictures, nouns, said, steps):
    """A tiny CLIP in a folder, trained on pictures (N, H, W, 3) with the captions of each."""
    from transformers import AutoTokenizer

    from egoexo_mm.models.teachers.text_image_models import load_text_image_model
    from tests.teachers.tiny_clip import write_clip

    sentences = ' '.join(text for texts in CAPTIONS.values() for text in texts)
    words = (*NOUNS, *sorted(set(re.findall('[a-z]+', sentences.lower()))))
    model = write_clip(folder, width=96, layers=4, size=48, squash=True, words=words)
    frames = load_text_image_model(checkpoint=str(folder)).frames
    pixels = torch.cat([frames(torch.from_numpy(x).permute(0, 3, 1, 2)) for x in pictures])
    said = [[text.format(NOUNS[noun]) for text in texts] for noun, texts in zip(nouns, said)]
    learn(model, AutoTokenizer.from_pretrained(folder), pixels, said, steps)
    model.save_pretrained(folder)


def frames_and_captions(filmed, nouns, views):
    """Frames of clips one by one, with their nouns and captions."""
    said = [CAPTIONS[('third', 'first')[view]] for view in views.repeat(len(TIMES))]
    return filmed.reshape(-1, *filmed.shape[2:]), nouns.repeat(len(TIMES)), said


@pytest.fixture(scope='module')
def trained(tmp_path_factory):
    """Folder of a model that saw 1,536 pictures of things and 960 frames of 320 clips."""
    folder = tmp_path_factory.mktemp('clip')
    begin = time.process_time()
    pictures, nouns = catalogue(192, seed=1)
    frames, acted_on, said = frames_and_captions(*clips(320, seed=2))
    train_clip(
        folder,
        [pictures, frames],
        [*nouns, *acted_on],
        [CAPTIONS['catalogue']] * len(nouns) + said,
        steps=400,
    )
    print(f'\nrendered and trained in {time.process_time() - begin:.0f} s of processor time')
    return str(folder)


def named(teacher, clips):
    """Best class of each clip (N, T, H, W, 3) by a teacher's targets in training."""
    pixels = torch.from_numpy(clips).permute(0, 4, 1, 2, 3).float()
    return torch.stack(teacher.targets(pixels)).argmax(1).numpy()


@pytest.mark.slow
@needs_transformers
def test_objects_are_named(trained):
    """256 new pictures of single things, and 160 new clips; guessing names one in 8.

    Of 256 guesses at 1/8, 0.21 is four standard deviations above: 0.125 + 4 sqrt(7 / 64 / 256).
    """
    teacher = MODELS.build(
        dict(
            type='ZeroShotObjectTeacher',
            model=dict(checkpoint=trained),
            vocabulary=list(NOUNS),
            templates=TEMPLATES,
        )
    )
    pictures, nouns = catalogue(32, seed=11)
    right = (named(teacher, pictures[:, None]) == nouns).mean()
    filmed, nouns, views = clips(160, seed=12)
    found = named(teacher, filmed) == nouns
    print(
        f'objects named: pictures {right:.1%}, third-person clips {found[views == 0].mean():.1%}, '
        f'first-person clips {found[views == 1].mean():.1%}; guessing 12.5 %'
    )
    assert right > 0.21 and found.mean() > 0.23  # 0.125 + 4 sqrt(7 / 64 / 160)


@pytest.mark.slow
@needs_transformers
def test_views_are_told_apart(tmp_path):
    """The shipped test of Charades-Ego, on 12 new scenes filmed from both views.

    The model saw 100 scenes from both views, 600 frames, with captions that are not the prompts.
    """
    folder, begin = tmp_path / 'clip', time.process_time()
    folder.mkdir()
    filmed, nouns, views = clips(200, seed=3, paired=True)
    frames, nouns, _ = frames_and_captions(filmed, nouns, views)
    train_clip(folder, [frames], nouns, [VIEWS[view] for view in views.repeat(3)], steps=400)
    print(f'\nrendered and trained in {time.process_time() - begin:.0f} s of processor time')
    with pytest.MonkeyPatch.context() as patch:
        counts = {part: {split: 1 for split in splits} for part, splits in TINY.items()}
        counts['charades_ego'] = dict(train=1, test=12)
        tiny_world(tmp_path / 'world', patch, counts=counts, seed=5)
    cfg = Config.fromfile(ROOT / 'configs/teachers/ego_score_by_words_charades_ego.py')
    cfg.model.teacher = dict(type='ZeroShotEgoTeacher', model=dict(checkpoint=str(folder)))
    data = tmp_path / 'world' / 'charades_ego'
    cfg.test_dataloader.update(num_workers=0, persistent_workers=False)
    cfg.test_dataloader.dataset.update(
        ann_file=str(data / 'CharadesEgo_v1_test.csv'), data_prefix=dict(img=str(data / 'frames'))
    )
    cfg.update(work_dir=str(tmp_path / 'work'), env_cfg=dict(dist_cfg=dict(backend='gloo')))
    found = Runner.from_cfg(cfg).test()
    print({name: round(value, 4) for name, value in found.items()})
    assert found['ego_score/accuracy'] >= 0.75  # guessing gets 18 or more of 24 in 1 % of cases
