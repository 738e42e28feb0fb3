import json

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample

import egoexo_mm  # noqa: F401
from egoexo_mm.models.action_pairs import action_table

# one feature x = 1; verb logits (1, 0), noun logits (0, 2, 0)
VERB, NOUN = [[1.0], [0.0]], [[0.0], [2.0], [0.0]]
VERB_LOG, NOUN_LOG = (
    torch.tensor([1.0, 0.0]).log_softmax(0),
    torch.tensor([0.0, 2.0, 0.0]).log_softmax(0),
)


def head(**kwargs):
    module = MODELS.build(
        dict(
            type='VerbNounHead',
            num_verbs=2,
            num_nouns=3,
            in_channels=1,
            dropout_ratio=0.0,
            **kwargs,
        )
    )
    with torch.no_grad():
        for fc, rows in ((module.fc_verb, VERB), (module.fc_noun, NOUN)):
            fc.weight.copy_(torch.tensor(rows))
            fc.bias.zero_()
    return module


def labelled(*labels):
    return [ActionDataSample().set_gt_label(label) for label in labels]


def test_losses_and_accuracies():
    losses = head().loss(torch.ones(2, 1, 1, 1, 1), labelled([0, 1], [1, 1]))
    assert set(losses) == {'loss_verb', 'loss_noun', 'verb_top1_acc', 'noun_top1_acc'}
    assert losses['loss_verb'].item() == pytest.approx(-(VERB_LOG[0] + VERB_LOG[1]).item() / 2)
    assert losses['loss_noun'].item() == pytest.approx(-NOUN_LOG[1].item())
    assert losses['verb_top1_acc'].item() == 0.5 and losses['noun_top1_acc'].item() == 1


def test_weights_of_losses_and_classes():
    ce = dict(type='CrossEntropyLoss')
    module = head(
        loss_verb=dict(ce, loss_weight=2.0), loss_noun=dict(ce, class_weight=[1.0, 3.0, 1.0])
    )
    losses = module.loss(torch.ones(2, 1), labelled([0, 1], [0, 0]))
    assert losses['loss_verb'].item() == pytest.approx(-2 * VERB_LOG[0].item())
    assert losses['loss_noun'].item() == pytest.approx(-(3 * NOUN_LOG[1] + NOUN_LOG[0]).item() / 4)


def test_action_loss():
    """Over the actions (0, 1), (1, 0), (1, 1); a pair that is none adds zero."""
    pairs = [(1, 0), (0, 1), (1, 1), (0, 1)]
    scores = torch.stack(
        [VERB_LOG[0] + NOUN_LOG[1], VERB_LOG[1] + NOUN_LOG[0], VERB_LOG[1] + NOUN_LOG[1]]
    )
    losses = head(actions=pairs, loss_action_weight=0.5).loss(
        torch.ones(2, 1), labelled([1, 1], [0, 2])
    )
    assert losses['loss_action'].item() == pytest.approx(-0.5 * scores.log_softmax(0)[2].item() / 2)
    assert losses['action_top1_acc'].item() == 0  # the best action is (0, 1)
    losses = head(actions=pairs).loss(torch.ones(2, 1), labelled([0, 1], [0, 2]))
    assert 'loss_action' not in losses and losses['action_top1_acc'].item() == 0.5
    losses = head(actions=pairs, loss_action_weight=0.5).loss(torch.ones(1, 1), labelled([0, 2]))
    assert losses['loss_action'].item() == 0  # none of the batch is listed: not NaN


def test_every_parameter_gets_a_gradient():
    module = head(actions=[(0, 0)], loss_action_weight=1.0)
    losses = module.loss(torch.ones(1, 1), labelled([1, 2]))
    sum(value for name, value in losses.items() if name.startswith('loss')).backward()
    assert all(p.grad is not None and p.grad.any() for p in module.parameters())


def test_actions_are_no_part_of_the_checkpoint():
    assert set(head(actions=[(0, 1)]).state_dict()) == {
        'fc_verb.weight',
        'fc_verb.bias',
        'fc_noun.weight',
        'fc_noun.bias',
    }


def test_prediction_of_positions_and_views():
    """Two views with x = 0 and 1, and a second sample with x = 1 twice."""
    feats = torch.tensor([0.0, 1.0, 1.0, 1.0]).view(4, 1, 1, 1, 1)
    first, second = head().train(False).predict(feats, [ActionDataSample(), ActionDataSample()])
    assert set(first.pred_score) == {'verb', 'noun'}
    torch.testing.assert_close(first.pred_score['verb'], (VERB_LOG.exp() + 0.5) / 2)
    torch.testing.assert_close(first.pred_score['noun'], (NOUN_LOG.exp() + 1 / 3) / 2)
    torch.testing.assert_close(second.pred_score['verb'], VERB_LOG.exp())
    assert second.pred_label.tolist() == [0, 1]
    both = first.pred_score['verb'].tolist() + first.pred_score['noun'].tolist()
    assert first.pred_score.tolist() == both  # for MMAction2's demo and Inferencer
    positions = torch.tensor([0.0, 1.0]).view(1, 1, 1, 1, 2)
    scores = head(pool_size=1).train(False).view_scores(positions)
    torch.testing.assert_close(scores['verb'][0], (VERB_LOG.exp() + 0.5) / 2)
    (sample,) = head(ensemble='max').train(False).predict(feats[:2], [ActionDataSample()])
    torch.testing.assert_close(
        sample.pred_score['verb'], torch.stack([VERB_LOG[0].exp(), torch.tensor(0.5)])
    )


def frames_model(backbone):
    cfg = dict(type='VerbNounHead', num_verbs=2, num_nouns=3, in_channels=512, dropout_ratio=0.0)
    backbone = dict(dict(depth=18, norm_eval=False), **backbone)
    torch.manual_seed(0)
    model = MODELS.build(
        dict(type='EgoExoRecognizer2D', backbone=backbone, cls_head=dict(cfg, init_std=1.0))
    )
    model.cls_head.init_weights()
    return model.eval()


@pytest.mark.parametrize(
    'backbone, frames',
    [
        (dict(type='ResNet'), None),
        (dict(type='ResNetTSM', num_segments=4), 4),
        (dict(type='ResNetTSM', num_segments=4, temporal_pool=True), 2),
    ],
)
@torch.no_grad()
def test_frames_of_a_2d_recognizer(backbone, frames):
    """Two samples of 4 frames; in the test three crops of them, each a view where T is known."""
    model = frames_model(backbone)
    head = model.cls_head

    def logits(inputs, frames, fc):
        maps = model.backbone(inputs.flatten(0, 1))
        return fc(maps.mean((2, 3)).unflatten(0, (len(inputs), -1, frames)).mean(2))  # (N, V, C)

    inputs = torch.randn(2, 4, 3, 32, 32)
    losses = model.loss(inputs, labelled([0, 1], [1, 2]))
    for part, fc, label in (('verb', head.fc_verb, [0, 1]), ('noun', head.fc_noun, [1, 2])):
        log = logits(inputs, frames or 4, fc)[:, 0].log_softmax(1)
        expected = -(log[0, label[0]] + log[1, label[1]]) / 2
        torch.testing.assert_close(losses[f'loss_{part}'], expected)
    crops = torch.randn(2, 12, 3, 32, 32)
    found = model.predict(crops, [ActionDataSample(), ActionDataSample()])
    expected = logits(crops, frames or 12, head.fc_verb).softmax(2).mean(1)
    torch.testing.assert_close(torch.stack([s.pred_score['verb'] for s in found]), expected)


@torch.no_grad()
def test_positions_of_a_2d_recognizer():
    """Maps of 2 x 2 cells and a window of one: each cell is classified, of the mean frame."""
    module = head(pool_size=1).train(False)
    maps = torch.randn(6, 1, 2, 2)  # two views of three frames
    mean = maps.unflatten(0, (2, 3)).mean(1).flatten(2).transpose(1, 2)  # (2, 4, 1)
    expected = module.fc_noun(mean).softmax(2).mean(1)
    torch.testing.assert_close(module.view_scores(maps, num_segs=3)['noun'], expected)


@pytest.mark.parametrize(
    'label, message',
    [
        (
            [-1, -1],
            r'narration_id P01_11_3: expected class ids from 0 .*, got \[-1, -1\]; '
            'train on an annotated split',
        ),
        ([0, -1], r'got \[0, -1\]'),
        ([1], r'expected a label \[verb, noun\], got a tensor of shape \(1,\)'),
    ],
)
def test_bad_labels(label, message):
    sample = ActionDataSample(metainfo=dict(narration_id='P01_11_3')).set_gt_label(label)
    with pytest.raises(ValueError, match=message):
        head().loss(torch.ones(1, 1), [sample])


def test_bad_options():
    with pytest.raises(ValueError, match='loss_noun: expected 3 class weights, got 2'):
        head(loss_noun=dict(type='CrossEntropyLoss', class_weight=[1.0, 1.0]))
    with pytest.raises(ValueError, match='loss_action_weight needs actions'):
        head(loss_action_weight=1.0)
    with pytest.raises(ValueError, match="ensemble must be 'mean' or 'max'"):
        head(ensemble='sum')


def test_action_files(tmp_path):
    """The columns of EPIC's annotation, and a list of pairs."""
    annotation = tmp_path / 'train.csv'
    annotation.write_text(
        'narration_id,verb,verb_class,noun,noun_class\na,take,1,cup,2\nb,put,0,cup,2\nc,take,1,cup,2\n'
    )
    pairs = tmp_path / 'pairs.json'
    pairs.write_text(json.dumps([[1, 2], [0, 2]]))
    for path in (annotation, pairs):
        listed, table = action_table(str(path), 2, 3)
        assert listed.tolist() == [[0, 2], [1, 2]] and table.tolist() == [[-1, -1, 0], [-1, -1, 1]]


@pytest.mark.parametrize(
    'name, text, message',
    [
        (
            'a.csv',
            'verb_class,noun\n1,2\n',
            'a.csv: no column noun_class; expected verb_class and noun_class',
        ),
        (
            'a.csv',
            'verb_class,noun_class\n0,1\n1,x\n',
            r"a.csv: row 1: expected a verb and a noun class id, got \('1', 'x'\)",
        ),
        ('a.csv', 'verb_class,noun_class\n', 'a.csv: the list of actions is empty'),
        (
            'a.csv',
            'verb_class,noun_class\n2,0\n',
            r'row 0: \(2, 0\) is out of range; expected a verb below 2 and a noun',
        ),
        ('a.json', '{"a": 1}', r'a.json: expected a JSON list of \[verb, noun\] pairs'),
        ('a.json', '[[1, 2]', 'a.json: expected a JSON list'),
        (
            'a.json',
            '[[1, 2], [1]]',
            r'a.json: row 1: expected a verb and a noun class id, got \[1\]',
        ),
        ('a.json', None, 'a.json: no such file'),
    ],
)
def test_bad_action_files(tmp_path, name, text, message):
    path = tmp_path / name
    if text is not None:
        path.write_text(text)
    with pytest.raises(ValueError, match=message):
        action_table(str(path), 2, 3)
