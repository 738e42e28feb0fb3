"""Scores by words: a tiny CLIP with random weights, and a stand-in whose features are known."""

import json
import os
import sys
from importlib import util
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.runner import Runner
from torch import nn

import egoexo_mm  # noqa: F401
from egoexo_mm.commands import draw_targets
from egoexo_mm.commands.targets import main
from egoexo_mm.datasets.frame_plans import EvenFrames
from egoexo_mm.models.teachers import text_image_models, zero_shot
from egoexo_mm.models.teachers.frame_preprocessor import FramePreprocessor
from egoexo_mm.targets import Manifest, StoreWriter, TargetStore, TargetStoreError
from egoexo_mm.video import open_stream
from tests.engine.extraction_case import config, extract
from tests.finetune_data import write_rows
from tests.media import write_video
from tests.teachers.tiny_clip import write_clip

needs_transformers = pytest.mark.skipif(
    not util.find_spec('transformers'), reason='transformers is not installed'
)
CONFIGS = Path(__file__).parents[2] / 'configs'
WORDS = {'red': 0, 'green': 1, 'blue': 2}  # the channel that a text is about


class Colours(nn.Module):
    """Mean colour of a picture, as its features."""

    def forward(self, pixels):
        return pixels.mean((2, 3))


def colour_model(**options):
    """A model that matches colours with their names, and remembers the texts it read."""

    def texts(sentences):
        read.extend(sentences)
        rows = torch.zeros(len(sentences), 3)
        for row, sentence in zip(rows, sentences):
            for word, channel in WORDS.items():
                row[channel] += 2 * (word in sentence)
            row[1] += 1 * ('grass' in sentence)
        return rows

    read = options.pop('read', [])
    frames = FramePreprocessor(size=4, resize=4, mean=[0] * 3, std=[1] * 3, antialias=True)
    return text_image_models.TextImageModel(
        images=Colours(),
        texts=texts,
        scale=10.0,
        frames=frames,
        name='colours',
        weights_sha256='0' * 64,
    )


@pytest.fixture
def colours(monkeypatch):
    """``load_text_image_model`` gives the stand-in; the texts that it read."""
    read = []
    monkeypatch.setattr(
        zero_shot, 'load_text_image_model', lambda **options: colour_model(read=read)
    )
    return read


def painted(*colour):
    """A clip (1, 3, 4, 8, 8) of one colour."""
    return torch.tensor(colour, dtype=torch.float32).view(1, 3, 1, 1, 1).expand(1, 3, 4, 8, 8)


def test_logits_are_scaled_cosines_without_their_mean(colours):
    """(30, 40, 0) has cosines 0.6, 0.8, 0 with the three; times 10, less their mean 14 / 3."""
    teacher = MODELS.build(
        dict(type='ZeroShotObjectTeacher', model={}, vocabulary=list(WORDS), templates=['a {}.'])
    )
    (found,) = teacher.targets(painted(30, 40, 0))
    torch.testing.assert_close(found, torch.tensor([6, 8, 0]) - torch.tensor(14 / 3))
    assert colours == ['a red.', 'a green.', 'a blue.']
    assert teacher.num_scores == 3 and not list(teacher.state_dict())


def test_prompts_of_a_class_are_averaged(colours):
    """'green' is (0, 1, 0), 'red grass' (2, 1, 0) / sqrt 5; a class is their mean, of length 1."""
    teacher = MODELS.build(
        dict(
            type='ZeroShotEgoTeacher',
            model={},
            third_person=['blue'],
            first_person=['green', 'red grass'],
        )
    )
    expected = np.array([0, 1, 0]) + np.array([2, 1, 0]) / 5**0.5
    np.testing.assert_allclose(
        teacher.classifier.texts.numpy(),
        [[0, 0, 1], expected / np.linalg.norm(expected)],
        rtol=1e-6,
    )
    third, first = teacher.targets(painted(0, 9, 0))[0].tolist()
    assert first == pytest.approx(-third) and first - third == pytest.approx(
        10 * expected[1] / np.linalg.norm(expected)
    )


def test_manifest_has_vocabulary_and_prompts(colours, tmp_path):
    """Objects keep their templates, views their prompts; both come back from the file."""
    names = ['board:red', 'cup_(green,_cup)', 'blue']
    objects = MODELS.build(
        dict(type='ZeroShotObjectTeacher', model={}, vocabulary=names, templates=['the {}', '{}!'])
    )
    assert colours == ['the red board', 'red board!', 'the cup', 'cup!', 'the blue', 'blue!']
    ego = MODELS.build(dict(type='ZeroShotEgoTeacher', model={}, third_person=['blue']))
    for name, teacher, num_scores in (('objects', objects, 3), ('ego', ego, 2)):
        with StoreWriter(tmp_path / name, teacher.manifest('toy')) as writer:
            writer.add_scores('v', scores=np.zeros(num_scores))
    found = TargetStore(tmp_path / 'objects').manifest
    assert (found.classes, found.prompts) == (tuple(names), ('the {}', '{}!'))
    found = TargetStore(tmp_path / 'ego').manifest
    assert found.classes == ('third person', 'first person')
    assert found.prompts == (('blue',), zero_shot.FIRST_PERSON) and found.teacher == 'colours'
    other = MODELS.build(dict(type='ZeroShotEgoTeacher', model={}, third_person=['red']))
    with pytest.raises(TargetStoreError, match='prompts'):
        StoreWriter(tmp_path / 'ego', other.manifest('toy'))


@pytest.mark.parametrize(
    'fields, message',
    [
        (dict(classes=['a', 'b', 'c']), 'classes has 3 entries for 2 scores'),
        (dict(classes=['a', 2]), 'expected one name'),
        (dict(prompts='a photo'), "prompts is 'a photo': expected a list"),
        (dict(prompts=[['a'], [3]]), 'expected texts'),
    ],
)
def test_bad_manifests(fields, message):
    with pytest.raises(TargetStoreError, match=message):
        Manifest('ego_score', 'toy', 'words', score_kind='logits', **fields)
    with pytest.raises(TargetStoreError, match='in a store of scores'):
        Manifest('interaction', 'toy', 'words', classes=['a'])


def test_texts_are_read_once(colours, tmp_path):
    """The second teacher takes them from the file; other prompts are read anew."""
    options = dict(type='ZeroShotEgoTeacher', model={}, text_cache=str(tmp_path / 'cache'))
    first = MODELS.build(options)
    count = len(colours)
    again = MODELS.build(options)
    assert len(colours) == count == len(zero_shot.THIRD_PERSON + zero_shot.FIRST_PERSON)
    torch.testing.assert_close(again.classifier.texts, first.classifier.texts, rtol=0, atol=0)
    MODELS.build(dict(options, first_person=['green']))
    assert len(colours) == count + len(zero_shot.THIRD_PERSON) + 1


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(templates=['a photo']), "template 'a photo': expected one {}"),
        (dict(templates='a {}'), 'templates: got .* expected a list'),
        (dict(templates=[]), 'templates: got'),
        (dict(vocabulary=['cup']), '1 names; expected two or more'),
    ],
)
def test_bad_options(colours, options, message):
    usual = dict(type='ZeroShotObjectTeacher', model={}, vocabulary=['cup', 'pan'])
    with pytest.raises(ValueError, match=message):
        MODELS.build({**usual, **options})


def test_a_side_without_prompts(colours):
    with pytest.raises(ValueError, match="prompts of 'first person': got"):
        MODELS.build(dict(type='ZeroShotEgoTeacher', model={}, first_person=[]))


@pytest.mark.parametrize(
    'kind, module, message',
    [
        (
            'transformers',
            'transformers',
            r"pip install transformers \(5.24.0 was tried\), or take kind='open_clip'",
        ),
        (
            'open_clip',
            'open_clip',
            r"pip install open_clip_torch \(3.3.0 was tried\), or take kind='transformers'",
        ),
    ],
)
def test_missing_library(monkeypatch, kind, module, message):
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ImportError, match=message):
        MODELS.build(dict(type='ZeroShotEgoTeacher', model=dict(kind=kind, name='ViT-B-32')))


@pytest.mark.parametrize(
    'model, message',
    [
        (dict(kind='clip'), "kind of text-image model must be 'transformers' or 'open_clip'"),
        (dict(), "needs a model, such as name='openai/clip-vit-base-patch32' or checkpoint="),
        (dict(kind='open_clip', checkpoint='x.pt'), "needs a model, such as name='ViT-B-32'"),
    ],
)
def test_bad_models(model, message):
    with pytest.raises(ValueError, match=message):
        MODELS.build(dict(type='ZeroShotEgoTeacher', model=model))


# --- transformers


@pytest.fixture(scope='module')
def clip(tmp_path_factory):
    """Folder of a tiny CLIP, and the model itself."""
    folder = tmp_path_factory.mktemp('clip')
    return folder, write_clip(folder)


@needs_transformers
def test_clip_of_transformers(clip):
    """Scores are ``logits_per_image`` of transformers on the same pixels, less their mean."""
    from transformers import AutoTokenizer

    folder, model = clip
    teacher = MODELS.build(
        dict(
            type='ZeroShotObjectTeacher',
            model=dict(checkpoint=str(folder)),
            vocabulary=['ball', 'board:chopping'],
            templates=['a photo of a {}.'],
        )
    )
    assert teacher.name == f'transformers {folder.name}' and len(teacher.weights_sha256) == 64
    frames = torch.from_numpy(np.random.default_rng(0).integers(0, 256, (2, 3, 40, 56), np.uint8))
    prepared = teacher.prepare(frames)
    assert prepared.shape == (2, 3, 32, 32)
    sentences = ['a photo of a ball.', 'a photo of a chopping board.']
    texts = AutoTokenizer.from_pretrained(folder)(sentences, padding=True, return_tensors='pt')
    with torch.no_grad():
        expected = model(pixel_values=prepared, **texts).logits_per_image
    expected = expected - expected.mean(1, keepdim=True)
    found = np.stack(teacher.infer(prepared[:, None], (40, 56)))
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-4, atol=1e-5)
    assert np.abs(found).min() > 1e-3
    assert not any(part.requires_grad for part in teacher.parameters())


@needs_transformers
def test_siglip(clip, tmp_path):
    """Texts are padded to the full length; frames are squashed; the bias of SigLIP cancels out."""
    from transformers import AutoTokenizer, SiglipConfig, SiglipModel

    folder, _ = clip
    for path in folder.iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    prepare(tmp_path, size=dict(height=32, width=32), do_center_crop=None)
    sides = dict(hidden_size=32, intermediate_size=64, num_hidden_layers=1, num_attention_heads=2)
    config = SiglipConfig(
        text_config=dict(sides, vocab_size=200, max_position_embeddings=64, projection_size=32),
        vision_config=dict(sides, image_size=32, patch_size=8),
    )
    torch.manual_seed(0)
    model = SiglipModel(config).eval()
    model.save_pretrained(tmp_path)
    prompts = dict(third_person=['a cup.'], first_person=['my own hands.'])
    teacher = MODELS.build(
        dict(type='ZeroShotEgoTeacher', model=dict(checkpoint=str(tmp_path)), **prompts)
    )
    prepared = teacher.prepare(torch.randint(0, 256, (3, 3, 20, 60), dtype=torch.uint8))
    assert prepared.shape == (3, 3, 32, 32)
    tokens = AutoTokenizer.from_pretrained(tmp_path)(
        ['a cup.', 'my own hands.'], padding='max_length', max_length=64, return_tensors='pt'
    )
    with torch.no_grad():
        expected = model(pixel_values=prepared, input_ids=tokens.input_ids).logits_per_image
    expected = expected - expected.mean(1, keepdim=True)
    found = np.stack(teacher.infer(prepared[:, None], (20, 60)))
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-3, atol=1e-5)
    assert np.abs(found).min() > 1e-4


@needs_transformers
def test_frames_as_pil_prepares_them(clip):
    """Short side to 32, bicubic, centre crop, then (x / 255 - mean) / std.

    PIL rounds after each of its two passes, which noise shows best.
    """
    image = pytest.importorskip('PIL.Image')
    teacher = MODELS.build(dict(type='ZeroShotEgoTeacher', model=dict(checkpoint=str(clip[0]))))
    frame = np.random.default_rng(1).integers(0, 256, (48, 80, 3), np.uint8)
    found = teacher.prepare(torch.from_numpy(frame).permute(2, 0, 1)[None])[0]
    resized = image.fromarray(frame).resize((53, 32), image.Resampling.BICUBIC)
    left = round((53 - 32) / 2)
    expected = np.asarray(resized, np.float32)[:, left : left + 32] / 255
    expected = (expected - [0.5, 0.4, 0.3]) / [0.25, 0.25, 0.2]
    difference = np.abs(found.permute(1, 2, 0).numpy() - expected) * [0.25, 0.25, 0.2] * 255
    assert difference.max() < 5.1 and difference.mean() < 0.5  # grey levels


@needs_transformers
def test_random_weights_of_a_config(clip):
    folder, _ = clip
    model = dict(checkpoint=str(folder), pretrained=False)
    teacher = MODELS.build(dict(type='ZeroShotEgoTeacher', model=model))
    assert teacher.weights_sha256 is None and teacher.num_scores == 2


@needs_transformers
def test_half_precision_files_run_in_full(tmp_path):
    """float16 has 11 bits; features of two layers keep about 1 %."""
    model = write_clip(tmp_path)
    pixels = torch.randn(1, 3, 32, 32)
    with torch.no_grad():
        expected = model.vision_model(pixel_values=pixels).pooler_output
        expected = model.visual_projection(expected)
    model.half().save_pretrained(tmp_path)
    found = text_image_models.load_text_image_model(checkpoint=str(tmp_path)).images(pixels)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0.02, atol=0.01)


@needs_transformers
def test_a_folder_without_a_weight(tmp_path):
    """transformers would fill it with random numbers."""
    from safetensors.torch import load_file, save_file

    write_clip(tmp_path)
    weights = load_file(tmp_path / 'model.safetensors')
    del weights['visual_projection.weight']
    save_file(weights, tmp_path / 'model.safetensors', metadata=dict(format='pt'))
    with pytest.raises(ValueError, match='has no weights for visual_projection.weight'):
        MODELS.build(dict(type='ZeroShotEgoTeacher', model=dict(checkpoint=str(tmp_path))))


@needs_transformers
@pytest.mark.parametrize(
    'damage, message',
    [
        (lambda folder: os.remove(folder / 'config.json'), 'expected a folder with config.json'),
        (lambda folder: os.remove(folder / 'preprocessor_config.json'), 'cannot be had'),
        (lambda folder: (folder / 'model.safetensors').write_bytes(b'x' * 99), 'cannot be had'),
        (lambda folder: prepare(folder, crop_size=dict(height=32, width=24)), 'expected a square'),
        (lambda folder: prepare(folder, resample=0), 'and resample 2 or 3; take another'),
    ],
)
def test_damaged_folders(clip, tmp_path, damage, message):
    for path in clip[0].iterdir():
        (tmp_path / path.name).write_bytes(path.read_bytes())
    damage(tmp_path)
    with pytest.raises(ValueError, match=message):
        MODELS.build(dict(type='ZeroShotEgoTeacher', model=dict(checkpoint=str(tmp_path))))


def prepare(folder, **changes):
    path = folder / 'preprocessor_config.json'
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


# --- open_clip


class OpenNetwork(nn.Module):
    """Two layers in the names of open_clip's CLIP."""

    def __init__(self):
        super().__init__()
        self.visual = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(3, 4))
        self.token_embedding = nn.Embedding(128, 4)
        self.logit_scale = nn.Parameter(torch.tensor(2.0))

    def encode_image(self, pixels, normalize=True):
        found = self.visual(pixels)
        found = found[0] if isinstance(found, tuple) else found
        return nn.functional.normalize(found) if normalize else found

    def encode_text(self, tokens):
        return self.token_embedding(tokens).mean(1)


@pytest.fixture
def open_clip(monkeypatch):
    """A stand-in for the library: its functions, and what ``create_model`` was given."""
    given = []

    def create_model(name, **options):
        given.append(options)
        frames.update(options.get('force_preprocess_cfg', {}))
        return OpenNetwork()

    def tokenizer(sentences):
        return torch.tensor([[ord(letter) for letter in one[:5].ljust(5)] for one in sentences])

    frames = dict(
        size=(32, 32),
        mode='RGB',
        mean=(0.5, 0.5, 0.5),
        std=(0.25, 0.25, 0.25),
        interpolation='bicubic',
        resize_mode='squash',
        fill_color=0,
    )
    tags = dict(first=dict(url='x'), second=dict(url='y'))
    module = SimpleNamespace(
        list_models=lambda: ['tiny'],
        list_pretrained_tags_by_model=lambda name: list(tags),
        is_pretrained_cfg=lambda name, tag: tag in tags,
        get_pretrained_cfg=lambda name, tag: tags[tag],
        create_model=create_model,
        get_tokenizer=lambda name: tokenizer,
        get_model_preprocess_cfg=lambda network: frames,
    )
    monkeypatch.setitem(sys.modules, 'open_clip', module)
    return SimpleNamespace(given=given, frames=frames, tags=tags)


def open_teacher(**model):
    model = dict(kind='open_clip', name='tiny', **model)
    prompts = dict(third_person=['other'], first_person=['hands', 'mine'])
    return MODELS.build(dict(type='ZeroShotEgoTeacher', model=model, **prompts))


def test_open_clip(open_clip, tmp_path):
    """e^2 times the cosines of a checkpoint's features; nothing is downloaded."""
    torch.manual_seed(0)
    network = OpenNetwork()
    torch.save(dict(state_dict=network.state_dict()), tmp_path / 'tiny.pt')
    teacher = open_teacher(checkpoint=str(tmp_path / 'tiny.pt'))
    assert open_clip.given == [
        dict(pretrained=None, load_weights=False, force_quick_gelu=False, force_preprocess_cfg={})
    ]
    assert (teacher.name, len(teacher.weights_sha256)) == ('open_clip tiny', 64)
    prepared = teacher.prepare(torch.randint(0, 256, (2, 3, 40, 80)))
    assert prepared.shape == (2, 3, 32, 32)
    with torch.no_grad():
        images = nn.functional.normalize(network.visual(prepared))
        words = torch.tensor(
            [[ord(letter) for letter in one] for one in ('other', 'hands', 'mine ')]
        )
        words = nn.functional.normalize(network.encode_text(words))
        words = torch.stack([words[0], nn.functional.normalize(words[1:].mean(0), dim=0)])
        expected = np.exp(2) * images @ words.T
    found = np.stack(teacher.infer(prepared[:, None], (40, 80)))
    np.testing.assert_allclose(found, expected - expected.mean(1, keepdim=True), rtol=1e-4)


class WithTokens(nn.Sequential):
    """The image side of CoCa gives the tokens too."""

    def forward(self, pixels):
        return super().forward(pixels), pixels


def test_coca(open_clip, monkeypatch):
    network = OpenNetwork()
    network.visual = WithTokens(*network.visual)
    monkeypatch.setattr(sys.modules['open_clip'], 'create_model', lambda *a, **options: network)
    teacher = open_teacher(pretrained='first')
    pixels = torch.randn(2, 3, 32, 32)
    torch.testing.assert_close(teacher.classifier.images(pixels), network.visual(pixels)[0])
    assert {name.split('.')[0] for name, _ in teacher.classifier.images.named_parameters()} == {
        'visual'  # the texts' side stays where it is
    }


def test_pictures_that_do_not_meet_texts(monkeypatch):
    """They fail when the teacher is built, in a sentence."""
    model = colour_model()
    monkeypatch.setattr(model.images, 'forward', lambda pixels: pixels.mean((2, 3))[:, :2])
    monkeypatch.setattr(zero_shot, 'load_text_image_model', lambda: model)
    with pytest.raises(ValueError, match=r'picture are \(1, 2\), expected \(1, 3\) as those of'):
        MODELS.build(dict(type='ZeroShotEgoTeacher', model={}))


def test_weights_of_open_clip(open_clip, tmp_path):
    """A tag is downloaded by the library; without tag and file the tags are named."""
    assert open_teacher(pretrained='first').name == 'open_clip tiny, first'
    assert open_clip.given == [dict(pretrained='first', load_weights=True, force_quick_gelu=False)]
    assert open_teacher(pretrained=False).weights_sha256 is None
    with pytest.raises(ValueError, match=r'tag that is downloaded \(it has first, second\)'):
        open_teacher()
    torch.save(dict(weight=torch.zeros(3)), tmp_path / 'other.pt')
    with pytest.raises(ValueError, match='expected a checkpoint of open_clip tiny'):
        open_teacher(checkpoint=str(tmp_path / 'other.pt'))
    with pytest.raises(ValueError, match="open_clip has no network 'huge'"):
        MODELS.build(dict(type='ZeroShotEgoTeacher', model=dict(kind='open_clip', name='huge')))


def test_preprocessing_of_a_checkpoint_of_open_clip(open_clip, tmp_path):
    """It is that of the tag beside it, or the one on which all tags agree."""
    path = str(tmp_path / 'tiny.pt')
    torch.save(dict(state_dict=OpenNetwork().state_dict()), path)
    grey = dict(mean=(0.2,) * 3, std=(0.4,) * 3, interpolation='bilinear', resize_mode='shortest')
    open_clip.tags.update(first=dict(grey, quick_gelu=True, url='x'), second=dict(grey, url='y'))
    with pytest.raises(
        ValueError,
        match=r'differ in preprocessing .* set pretrained to the tag of .* \(first; second\)$',
    ):
        open_teacher(checkpoint=path)
    teacher = open_teacher(checkpoint=path, pretrained='first')
    (given,) = open_clip.given  # nothing is downloaded
    assert (given['pretrained'], given['force_quick_gelu']) == (None, True)
    assert given['force_preprocess_cfg'] == grey
    assert teacher.name == 'open_clip tiny' and teacher.manifest('toy').notes == (
        'mean = 0.2, 0.2, 0.2; std = 0.4, 0.4, 0.4; interpolation = bilinear; '
        'resize_mode = shortest; quick_gelu = True'
    )
    prepared = teacher.prepare(torch.full((1, 3, 40, 80), 153))
    torch.testing.assert_close(prepared, torch.ones(1, 3, 32, 32))  # (153 / 255 - 0.2) / 0.4
    open_clip.tags['first'].pop('quick_gelu')
    assert open_teacher(checkpoint=path).frames.mean.flatten().tolist() == [51] * 3
    with pytest.raises(ValueError, match="no weights with tag 'third'; set .* first, second"):
        open_teacher(checkpoint=path, pretrained='third')


def test_advice_where_open_clip_cannot_download(open_clip, monkeypatch):
    monkeypatch.delattr(sys.modules['open_clip'], 'create_model')
    with pytest.raises(ValueError, match="network and set checkpoint beside pretrained='first'$"):
        open_teacher(pretrained='first')
    with pytest.raises(ValueError, match='run once where there is a network, and copy its cache'):
        open_teacher(checkpoint='tiny.pt')  # its tokenizer


@pytest.mark.parametrize('change', [dict(size=(32, 24)), dict(resize_mode='longest')])
def test_other_frames_of_open_clip(open_clip, change):
    open_clip.frames.update(change)
    with pytest.raises(ValueError, match="expected a square and 'shortest' or 'squash'; take"):
        open_teacher(pretrained=False)


# --- extraction, training and measuring


@pytest.fixture(scope='module')
def videos(tmp_path_factory):
    """Two lossless videos of 16 frames of 64 x 64 pixels, in a list."""
    root = tmp_path_factory.mktemp('videos')
    rng = np.random.default_rng(0)
    for i in range(2):
        coarse = rng.integers(0, 256, (16, 8, 8, 3), np.uint8)
        write_video(root / 'videos' / f'v{i}.avi', coarse.repeat(8, 1).repeat(8, 2), codec='FFV1')
    (root / 'list.txt').write_text('v0.avi 0\nv1.avi 1\n')
    return root


@needs_transformers
def test_extraction_equals_online(clip, videos, tmp_path):
    """The same three frames, from a store and as a clip of three.

    Stores round scores to float16, 2^-11 of their size.
    """
    model = dict(
        model=dict(checkpoint=str(clip[0])), vocabulary=['ball', 'cup', 'ice cream', 'pan']
    )
    kind, plan = 'ZeroShotObjectTeacher', dict(type='EvenFrames', num_frames=3)
    cfg = config(videos, str(tmp_path / 'store'), teacher=kind, model=model, plan=plan)
    assert extract(cfg).counts == dict(extracted=2, failed=0, skipped=0)
    store = TargetStore(tmp_path / 'store')
    assert store.manifest.classes == ('ball', 'cup', 'ice cream', 'pan')
    video = open_stream(str(videos / 'videos' / 'v1.avi'))
    numbers = EvenFrames(num_frames=3).items(16, 30)[:, 0]
    frames = torch.from_numpy(np.stack([video.read() for _ in range(16)])[numbers])
    teacher = MODELS.build(dict(type=kind, online_frames=3, **model))
    (online,) = teacher.targets(frames.permute(3, 0, 1, 2)[None].float())
    np.testing.assert_allclose(store.scores('v1'), online, rtol=6e-4, atol=1e-5)
    assert online.std() > 1e-3


def test_online_distillation(colours):
    """Clips get both targets in the training step; a head of another width is told what to set."""
    cfg = Config.fromfile(Path(__file__).parents[1] / 'data/tiny_slowfast.py')
    objects = dict(type='ZeroShotObjectTeacher', model={}, vocabulary=list(WORDS))
    cfg.model.aux_heads.update(interaction_map=None)
    cfg.model.teachers = dict(
        object_score=objects, ego_score=dict(type='ZeroShotEgoTeacher', model={})
    )
    cfg.model.aux_heads.object_score.num_classes = 3
    model = MODELS.build(cfg.model)
    model.init_weights()
    pixels = torch.randint(0, 256, (2, 3, 16, 64, 64)).float()
    samples = [ActionDataSample().set_gt_label(i) for i in range(2)]
    data = model.data_preprocessor(
        dict(inputs=list(pixels[:, None]), data_samples=samples), training=True
    )
    filled = model.teachers.fill(**data, preprocessor=model.data_preprocessor)
    expected = MODELS.build(objects).targets(pixels)
    for sample, target in zip(filled, expected):
        torch.testing.assert_close(sample.object_score, target)
        assert sample.ego_score.shape == (2,)
    losses = model.loss(**data)
    assert losses['loss_object'] > 0 and losses['loss_ego'].isfinite()
    cfg.model.aux_heads.object_score.num_classes = 10
    with pytest.raises(
        ValueError, match=r'object_score: expected \(10,\) .* got \(3,\) .*set num_classes=3 of the'
    ):
        MODELS.build(cfg.model).loss(**data)


def test_drawing_and_ranking(videos, tmp_path, monkeypatch, capsys):
    """Bars have the names of the store; a ranking of views by words is one of Ego-Scores."""
    rows = dict(objects=[3.0, 1.0, -4.0], ego=[-2.0, 2.0])
    words = dict(objects=('ice cream', 'pan', 'cup'), ego=('third person', 'first person'))
    for name, signal in (('objects', 'object_score'), ('ego', 'ego_score')):
        manifest = Manifest(
            signal,
            'toy',
            'words',
            score_kind='logits',
            num_scores=len(rows[name]),
            classes=words[name],
        )
        with StoreWriter(tmp_path / name, manifest) as writer:
            for video, sign in (('v0', -1), ('v1', 1)):
                writer.add_scores(video, scores=sign * np.array(rows[name]), num_frames=16)
    seen = {}

    class Targets(draw_targets.VideoTargets):
        def __init__(self, *args, object_names, **kwargs):
            super().__init__(*args, object_names=object_names, **kwargs)
            seen.update(names=object_names, bars=[bar.name for bar in self.bars])

    monkeypatch.setattr(draw_targets, 'VideoTargets', Targets)
    video, out = str(videos / 'videos' / 'v1.avi'), str(tmp_path / 'out')
    assert main(['draw', video, out, '--object-score', str(tmp_path / 'objects')]) == 0
    assert seen['names'] == words['objects'] and seen['bars'][:2] == ['ice cream', 'pan']
    assert main(['rank', str(tmp_path / 'ego'), out, '--videos', str(videos / 'videos')]) == 0
    assert main(['info', str(tmp_path / 'objects')]) == 0
    printed = capsys.readouterr().out  # 1 / (1 + exp(-4))
    assert '2 videos, from v1 (0.982) to v0 (0.018)' in printed
    assert 'classes: 3: ice cream, pan, cup' in printed


def test_accuracy_by_the_metric_of_ego_scores(colours, tmp_path):
    """The shipped config: four red videos are first-person, three blue and one red are not."""
    rows = []
    for number, (view, colour) in enumerate(zip('NNNNYYYY', 'brbbrrrr')):
        name = f'V{number}' + 'EGO' * (view == 'Y')
        (tmp_path / name).mkdir()
        frame = np.zeros((8, 12, 3), np.uint8)
        frame[..., 'b_r'.index(colour)] = 200  # BGR
        cv2.imwrite(str(tmp_path / name / f'{name}-000001.jpg'), frame)
        rows.append(
            dict(id=name, actions='', length=1 / 24, egocentric=dict(N='No', Y='Yes')[view])
        )
    write_rows(tmp_path / 'test.csv', rows)
    cfg = Config.fromfile(CONFIGS / 'teachers/ego_score_by_words_charades_ego.py')
    teacher = Config.fromfile(cfg.model.teacher).model
    teacher.update(third_person=['blue'], first_person=['red'], text_cache=None)
    cfg.merge_from_dict(
        dict(
            work_dir=str(tmp_path / 'work'),
            env_cfg=dict(dist_cfg=dict(backend='gloo')),
            test_dataloader=dict(
                num_workers=0,
                persistent_workers=False,
                dataset=dict(
                    ann_file=str(tmp_path / 'test.csv'), data_prefix=dict(img=str(tmp_path))
                ),
            ),
        )
    )
    cfg.model.teacher = teacher
    found = Runner.from_cfg(cfg).test()
    assert found['ego_score/accuracy'] == 7 / 8
    assert (found['ego_score/accuracy_exo'], found['ego_score/accuracy_ego']) == (3 / 4, 1)


def test_a_teacher_of_boxes_is_not_measured():
    with pytest.raises(ValueError, match='BrightBoxTeacher makes no scores; expected a Score'):
        MODELS.build(dict(type='MeasuredTeacher', teacher=dict(type='BrightBoxTeacher')))


def test_shipped_configs(colours, monkeypatch):
    """Both views and 300 nouns, and a student whose head is as wide."""
    monkeypatch.setattr(
        zero_shot, 'read_vocabulary', lambda *args: [f'noun {i}' for i in range(300)]
    )
    for name in ('objects_by_words', 'ego_score_by_words'):
        cfg = Config.fromfile(CONFIGS / f'teachers/{name}.py')
        teacher = MODELS.build(dict(cfg.model, text_cache=None))
        student = Config.fromfile(CONFIGS / 'words/egoexo_slowfast_k400_words.py')
        head = student.model.aux_heads[teacher.target]
        assert head.num_classes == teacher.num_scores
        assert student.train_dataloader.dataset.targets[teacher.target] == cfg.test_cfg.store
