"""Recognizers and image networks as teachers of signals with names of their own."""

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS
from torch import nn

import egoexo_mm  # noqa: F401
from egoexo_mm.models import ImageEmbeddingTeacher, RecognizerTeacher
from egoexo_mm.models.distillation_maths import pool_features
from egoexo_mm.models.teachers import DetectionTeacher, OnlineTeachers
from egoexo_mm.models.teachers.classifiers import Classifier
from egoexo_mm.models.teachers.detection import plain_columns
from egoexo_mm.models.teachers.frame_preprocessor import FramePreprocessor
from egoexo_mm.models.teachers.image_embedding import without_last_layer
from egoexo_mm.targets import StoreWriter, TargetStore
from tests.teachers.test_ego_score import SMALL, clips, other_recognizer, save

RESNET = dict(kind='mmaction', name='resnet18', pretrained=False)


def three_classes(kind: str, **head) -> dict:
    model = other_recognizer(kind)
    model['cls_head'].update(num_classes=3, **head)
    return model


def verbs_and_nouns() -> dict:
    model = other_recognizer('slowonly')
    model['cls_head'] = dict(type='VerbNounHead', num_verbs=4, num_nouns=5, in_channels=32)
    return model


@pytest.mark.parametrize('kind', ['slowonly', 'tsn'])
def test_scores_of_any_number_of_classes(kind, tmp_path):
    model = three_classes(kind)
    checkpoint = save(tmp_path / 'a.pth', model)
    options = dict(recognizer=model, checkpoint=checkpoint, clip_len=4, **SMALL)
    teacher = RecognizerTeacher(signal='step', **options)
    items = teacher.prepare(clips(2, 4).transpose(1, 2).flatten(0, 1)).unflatten(0, (2, 4))
    inputs = items if kind == 'tsn' else items.transpose(1, 2)[:, None]
    network = teacher.recognizer
    found = teacher.logits(items)
    assert found.shape == (2, 3)
    assert torch.equal(found, network(inputs.contiguous(), mode='tensor', stage='head'))
    manifest = teacher.manifest('toy')
    assert (manifest.signal, manifest.score_kind, manifest.num_scores) == ('step', 'logits', 3)
    assert teacher.target == 'step' and not any(p.requires_grad for p in teacher.parameters())
    encoder = RecognizerTeacher(signal='feature', output='features', **options)
    feature = encoder.logits(items)
    head = encoder.recognizer.cls_head
    torch.testing.assert_close(head.fc_cls(feature), found)
    manifest = encoder.manifest('toy')
    assert (manifest.score_kind, manifest.num_scores) == ('embedding', feature.shape[1])


def test_parts_of_a_verb_noun_head():
    torch.manual_seed(0)
    options = dict(recognizer=verbs_and_nouns(), clip_len=4, **SMALL)
    noun = RecognizerTeacher(signal='noun', output='noun', **options)
    items = torch.randn(2, 4, 3, 32, 32)
    feats = noun.recognizer(items.transpose(1, 2)[:, None], mode='tensor', stage='backbone')
    expected = noun.recognizer.cls_head.fc_noun(pool_features(feats))
    torch.testing.assert_close(noun.logits(items), expected)
    assert noun.num_scores == 5
    assert RecognizerTeacher(signal='verb', output='verb', **options).num_scores == 4
    with pytest.raises(ValueError, match="VerbNounHead does not tell how many 'scores' it has"):
        RecognizerTeacher(signal='verb', **options)
    with pytest.raises(ValueError, match="output must be 'scores', 'verb', 'noun' or 'features'"):
        RecognizerTeacher(signal='verb', output='action', **options)


def test_image_embedding_is_the_feature_before_the_classes():
    teacher = ImageEmbeddingTeacher(signal='resnet', classifier=RESNET)
    frames = teacher.prepare(clips(1, 2)[0].transpose(0, 1))
    found = teacher.logits(frames[:, None])
    assert found.shape == (2, 512)
    torch.testing.assert_close(found, teacher.classifier.backbone(frames).mean((2, 3)))
    manifest = teacher.manifest('toy')
    assert (manifest.signal, manifest.score_kind, manifest.num_scores, manifest.schema_version) == (
        'resnet',
        'embedding',
        512,
        2,
    )


class TwoHeads(nn.Module):
    """Like a distilled DeiT: the mean of two layers of classes, on features of other widths."""

    num_classes = 5

    def __init__(self):
        super().__init__()
        self.stem = nn.Linear(3, 8)
        self.norm = nn.BatchNorm1d(8)
        self.head, self.head_dist = nn.Linear(8, 5), nn.Linear(8, 5)
        self.aux_head = nn.Linear(8, 5)

    def forward(self, images):
        feature = self.norm(self.stem(images.mean((2, 3))))
        return (self.head(feature) + self.head_dist(feature)) / 2


class TwoHeadsOfTimm(TwoHeads):
    def reset_classifier(self, num_classes):
        assert num_classes == 0
        self.head = self.head_dist = nn.Identity()


def classifier_of(network):
    frames = FramePreprocessor(size=8, resize=8, mean=[0] * 3, std=[1] * 3, antialias=True)
    return Classifier(network, frames, num_scores=5, name='toy')


def test_the_last_layer_of_a_network_with_several():
    """timm takes both away; of another library the network is refused, but for auxiliary heads."""
    network, width = without_last_layer(classifier_of(TwoHeadsOfTimm()))
    images = torch.rand(2, 3, 8, 8)
    assert width == 8 and network.norm.num_batches_tracked == 0  # its statistics are as they were
    torch.testing.assert_close(network(images), network.norm(network.stem(images.mean((2, 3)))))
    with pytest.raises(
        ValueError, match='toy: expected one linear .* 5 classes, found head, head_'
    ):
        without_last_layer(classifier_of(TwoHeads()))
    one = TwoHeads()
    one.head_dist = nn.Linear(8, 8)
    one.head_dist.weight.data, one.head_dist.bias.data = torch.eye(8), torch.zeros(8)
    assert without_last_layer(classifier_of(one))[1] == 8
    with pytest.raises(ValueError, match='toy: expected one linear .* 5 classes, found none; take'):
        without_last_layer(classifier_of(nn.Conv2d(3, 5, 1)))


@pytest.mark.parametrize('kind', ['recognizer', 'image'])
def test_stored_is_online(kind, tmp_path):
    """A video of 4 frames whose clip is all of it."""
    torch.manual_seed(0)
    if kind == 'recognizer':
        cfg = dict(
            type='RecognizerTeacher',
            signal='mine',
            recognizer=three_classes('slowonly'),
            clip_len=4,
            short_side=32,
            crop_size=32,
        )
        items = np.arange(4)[None]
    else:
        cfg = dict(type='ImageEmbeddingTeacher', signal='mine', classifier=RESNET)
        items = np.arange(4)[:, None]
    online = OnlineTeachers(dict(mine=cfg), learned=['mine'])
    online.build('cpu')
    teacher = online.built['mine']
    pixels = clips(1, 4, 32, 32)
    prepared = teacher.prepare(pixels[0].transpose(0, 1)[items.ravel()])
    row = teacher.row(teacher.infer(prepared.unflatten(0, items.shape), (32, 32)), items)
    with StoreWriter(tmp_path, teacher.manifest('toy')) as writer:
        writer.add_scores('v', **row)
    stored = torch.from_numpy(TargetStore(tmp_path).scores('v'))
    torch.testing.assert_close(stored, teacher.targets(pixels)[0], atol=1e-3, rtol=1e-3)
    with pytest.raises(ValueError, match="makes 'mine', but is given as 'other'"):
        OnlineTeachers(dict(other=cfg), learned=['other']).build('cpu')


@MODELS.register_module()
class CornerTeacher(DetectionTeacher):
    """A gaze point in the upper left corner of every frame, and a cup everywhere."""

    signal, target, kinds = 'table', 'table_map', ('plate', 'cup', 'gaze')

    def __init__(self, **kwargs) -> None:
        super().__init__(name='corner', time_stride=2, cell_size=16, **kwargs)

    def prepare(self, pixels):
        return pixels

    def infer(self, items, frame_size):
        box = np.array([[0.1, 0.1, 0.1, 0.1], [0, 0, 1, 1]])
        return [plain_columns(box, np.array([1.0, 0.25]), np.array([2, 1])) for _ in items]


def test_boxes_of_other_kinds_online_and_stored(tmp_path):
    online = OnlineTeachers(dict(table_map=dict(type='CornerTeacher')), learned=['table_map'])
    online.build('cpu')
    teacher = online.built['table_map']
    maps = teacher.targets(clips(1, 4, 32, 32))[0]
    assert maps.shape == (3, 2, 2, 2)
    assert (
        maps[0].max() == 0 and (maps[1] == 0.25).all() and maps[2, 0].tolist() == [[1, 0], [0, 0]]
    )
    manifest = teacher.manifest('toy')
    assert (manifest.kinds, manifest.target) == (('plate', 'cup', 'gaze'), 'table_map')
    row = teacher.row(teacher.infer([0, 0], (32, 32)), np.array([[0], [2]]))
    with StoreWriter(tmp_path, manifest) as writer:
        writer.add_detections('v', **row)
    assert TargetStore(tmp_path).detections('v', [2]).kind.tolist() == [2, 1]
