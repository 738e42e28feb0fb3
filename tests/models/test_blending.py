"""Mixup and cutmix: pixels and labels as the host's, targets with them."""

import copy

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config

import egoexo_mm  # noqa: F401
from egoexo_mm.models.blending import Blend, draw_blend
from egoexo_mm.models.distillation_maths import blend_scores, soft_target_divergence
from egoexo_mm.models.heads import AuxiliaryHead
from tests.hosts import needs, one_hot_on_meta
from tests.models.backbone_cases import CASES, CLASSES, build

MIXUP = dict(type='MixupBlending', num_classes=CLASSES, alpha=0.8)
CUTMIX = dict(type='CutmixBlending', num_classes=CLASSES, alpha=1.0)
KINDS = {
    'mixup': MIXUP,
    'cutmix': CUTMIX,
    'either': dict(type='RandomBatchAugment', augments=[MIXUP, CUTMIX]),
    'either or none': dict(type='RandomBatchAugment', augments=[CUTMIX, MIXUP], probs=[0.4, 0.3]),
}
FIELDS = ('ego_score', 'object_score', 'interaction_map')


def preprocessor(kind: str, **blending):
    return MODELS.build(
        dict(
            type=kind,
            mean=[110, 115, 120],
            std=[50, 55, 60],
            format_shape='NCTHW',
            blending=Config(blending).to_dict(),
        )
    )


def batch(labels, size=(32, 40), frames=4):
    generator = torch.Generator().manual_seed(3)
    clips = [
        torch.randint(0, 256, (1, 3, frames, *size), generator=generator, dtype=torch.uint8)
        for _ in labels
    ]
    return dict(inputs=clips, data_samples=[ActionDataSample().set_gt_label(x) for x in labels])


def seeded(seed):
    torch.manual_seed(seed)
    np.random.seed(seed)


@pytest.mark.parametrize('kind', KINDS)
@pytest.mark.parametrize(
    'labels',
    [
        'ids',
        pytest.param('multi-hot', marks=needs('mmaction2', '1.1', 'blending of several labels')),
    ],
)
def test_pixels_and_labels_are_those_of_the_host(kind, labels):
    hot = torch.tensor([[1.0, 0, 1, 0, 0], [0, 0, 0, 0, 1], [0, 1, 0, 0, 0]])
    data = batch([2, 4, 0] if labels == 'ids' else list(hot))
    ours = preprocessor('EgoExoDataPreprocessor', **KINDS[kind])
    host = preprocessor('ActionDataPreprocessor', **KINDS[kind])
    for seed in range(6):
        results = []
        for one in (ours, host):
            seeded(seed)
            results.append(one(copy.deepcopy(data), training=True))
        (x, a), (y, b) = ((r['inputs'], r['data_samples']) for r in results)
        assert torch.equal(x, y)
        for mine, theirs in zip(a, b):
            torch.testing.assert_close(mine.gt_label, theirs.gt_label.float(), rtol=0, atol=1e-6)
    assert torch.equal(ours(data)['inputs'], host(data)['inputs'])  # testing does not blend


def test_cells_by_the_share_of_their_pixels():
    """A box of 2.5 to 5 of 8 columns and 0 to 4 of 8 rows, on 2 x 4 cells of 4 x 2 pixels."""
    blend = Blend((1, 0), 0.8, (2.5 / 8, 0, 5 / 8, 4 / 8))
    # columns 2-4: 1.5 of 2 pixels; 4-6: 1 of 2
    assert blend.own_share((2, 4)).tolist() == [[1, 0.25, 0.5, 1], [1, 1, 1, 1]]
    for seed in range(20):  # whatever is drawn, cells are the mean of the pixels' mask
        torch.manual_seed(seed)
        blend = draw_blend(MODELS.build(CUTMIX), 3, (48, 64))
        mask = torch.ones(48, 64)
        x1, y1, x2, y2 = (round(side * n) for side, n in zip(blend.box, (64, 48) * 2))
        mask[y1:y2, x1:x2] = 0
        assert blend.own == pytest.approx(mask.mean().item(), abs=1e-6)
        for cell in (16, 8):
            expected = F.avg_pool2d(mask[None], cell)[0]
            torch.testing.assert_close(
                blend.own_share((48 // cell, 64 // cell)), expected, rtol=0, atol=1e-5
            )


@pytest.mark.parametrize('temperature', [1.0, 2.0])
@pytest.mark.parametrize('kind', ['logits', 'probabilities'])
def test_scores_blend_as_distributions(temperature, kind):
    generator = torch.Generator().manual_seed(0)
    a, b, student = torch.randn(3, 4, 6, generator=generator).mul(2)
    soft = [(x / temperature).softmax(1) for x in (a, b)]
    given = (a, b) if kind == 'logits' else (a.softmax(1), b.softmax(1))
    mixed = blend_scores(*given, 0.3, temperature, kind)
    as_logits = mixed if kind == 'logits' else mixed.log()
    expected = 0.3 * soft[0] + 0.7 * soft[1]
    torch.testing.assert_close((as_logits / temperature).softmax(1), expected)

    # gradients are those of the weighted losses; values differ by what the student cannot change
    losses, gradients = [], []
    for target, weights in (((mixed,), (1,)), (given, (0.3, 0.7))):
        q = student.clone().requires_grad_()
        loss = sum(
            w * soft_target_divergence(q, t, temperature, kind).sum()
            for w, t in zip(weights, target)
        )
        gradients.append(torch.autograd.grad(loss, q)[0])
        losses.append(loss.detach())
    torch.testing.assert_close(*gradients, rtol=1e-4, atol=1e-6)
    parts = [w * (p * (p / expected).log()).sum() for w, p in zip((0.3, 0.7), soft)]
    torch.testing.assert_close(losses[1] - losses[0], temperature**2 * sum(parts))
    # and the loss is zero where the student has learned the mixture
    at_best = soft_target_divergence(as_logits, mixed, temperature, kind)
    torch.testing.assert_close(at_best, torch.zeros(4), rtol=0, atol=1e-5)
    whole = blend_scores(*given, 1.0, temperature, kind)
    torch.testing.assert_close(
        soft_target_divergence(student, whole, temperature, kind),
        soft_target_divergence(student, given[0], temperature, kind),
    )


def model_of(blending, **changes):
    cfg = CASES['VideoMAE'].ours(**changes)
    cfg['data_preprocessor'].update(type='EgoExoDataPreprocessor', blending=blending)
    return build(cfg)


def test_losses_of_a_blended_batch():
    """Loss of clip i is that of its own and its partner's target, by share; computed by hand."""
    case, model = CASES['VideoMAE'], model_of(CUTMIX)
    model.eval()
    inputs, samples = case.inputs(3), case.samples(model, 3)
    blend = Blend((2, 0, 1), 0.625, (0, 0, 0.75, 0.5), torch.tensor([2, 0, 1]))
    for sample in samples:
        sample.set_field(blend, 'blend')
        sample.set_gt_label(F.one_hot(sample.gt_label, CLASSES)[0].float())
    losses = model.loss(inputs, samples)
    maps = torch.stack([sample.interaction_map for sample in samples])
    share = torch.tensor([[0, 0, 0, 1.0]] * 2 + [[1.0] * 4] * 2)  # 4 x 4 cells, cut 3 x 2
    logits = model.aux_predictions(inputs, 'interaction_map')
    for channel, name in enumerate(('loss_hand', 'loss_held_object')):
        bce = [
            F.binary_cross_entropy_with_logits(logits[:, channel], y[:, channel], reduction='none')
            for y in (maps, maps[[2, 0, 1]])
        ]
        expected = (share * bce[0] + (1 - share) * bce[1]).mean()
        torch.testing.assert_close(losses[name], expected)
    q = model.aux_predictions(inputs, 'ego_score').log_softmax(1)
    p = torch.stack([sample.ego_score for sample in samples]).softmax(1)
    p = 0.625 * p + 0.375 * p[[2, 0, 1]]
    weight = model.aux_heads['ego_score'].loss_fn.loss_weight
    torch.testing.assert_close(losses['loss_ego'], weight * (p * (p.log() - q)).sum(1).mean())


def test_a_missing_target_of_either_clip_adds_zero():
    case, model = CASES['VideoMAE'], model_of(MIXUP)
    model.eval()
    inputs, samples = case.inputs(3), case.samples(model, 3)
    blend = Blend((1, 2, 2), 0.6, None, torch.tensor([1, 2, 2]))
    for sample in samples:
        sample.set_field(blend, 'blend')
    del samples[1].ego_score  # so that clip 0, whose partner it is, and clip 1 have none
    q = model.aux_predictions(inputs, 'ego_score')[2:].log_softmax(1)
    p = samples[2].ego_score[None].softmax(1)
    weight = model.aux_heads['ego_score'].loss_fn.loss_weight
    expected = weight * (p * (p.log() - q)).sum() / 3  # clip 2 is its own partner
    torch.testing.assert_close(model.loss(inputs, samples)['loss_ego'], expected)
    for sample in samples[:2]:
        sample.set_field(blend, 'blend')
    del samples[2].ego_score
    assert model.loss(inputs, samples)['loss_ego'] == 0


@pytest.mark.parametrize('kind', KINDS)
def test_a_training_step(kind):
    """From uint8 clips to gradients of every parameter; no accuracy, since labels are soft."""
    case, model = CASES['VideoMAE'], model_of(KINDS[kind])
    samples = case.samples(model, 4)
    data = dict(batch([0] * 4, (64, 64), 8), data_samples=samples)
    seeded(1)
    inputs = model.data_preprocessor(data, training=True)
    losses = model(**inputs, mode='loss')
    assert sorted(losses) == [
        'loss_cls',
        'loss_ego',
        'loss_hand',
        'loss_held_object',
        'loss_object',
    ]
    sum(losses.values()).backward()
    assert all(p.grad is not None for p in model.parameters())


def test_frames_of_a_2d_recognizer():
    """Frames are in the place of clips; cells are those of the same frames."""
    cfg = CASES['TSM'].ours()
    cfg['data_preprocessor'].update(type='EgoExoDataPreprocessor', blending=CUTMIX)
    model = build(cfg)
    clips = batch([0, 1, 2], (64, 64), 8)['inputs']
    data = dict(
        inputs=[clip[0].transpose(0, 1) for clip in clips],
        data_samples=CASES['TSM'].samples(model, 3),
    )
    seeded(4)
    inputs = model.data_preprocessor(data, training=True)
    blend = inputs['data_samples'][0].blend
    assert inputs['inputs'].shape == (3, 8, 3, 64, 64) and 0 < blend.own < 1
    losses = model(**inputs, mode='loss')
    assert losses['loss_hand'] > 0 and losses['loss_ego'] > 0


@pytest.mark.skipif(not one_hot_on_meta(), reason='needs a newer PyTorch on the meta device')
@pytest.mark.parametrize('kind', ['mixup', 'cutmix'])
def test_nothing_is_read_back_from_the_device(kind):
    """The meta device has no values, so that reading one raises."""
    model = model_of(KINDS[kind]).to('meta')
    seeded(4)
    clips = torch.zeros(3, 1, 3, 8, 64, 64, device='meta')
    samples = [sample.to('meta') for sample in CASES['VideoMAE'].samples(model, 3)]
    clips, samples = model.data_preprocessor.blending(clips, samples)
    losses = model.loss(clips, samples)
    assert {value.device.type for value in losses.values()} == {'meta'}
    sum(losses.values()).backward()


def test_teachers_see_clips_before_they_blend():
    ours = preprocessor('EgoExoDataPreprocessor', **MIXUP)
    ours.keep_raw = True
    data = batch([0, 1, 2])
    before = [clip.clone() for clip in data['inputs']]
    samples = ours(data, training=True)['data_samples']
    assert all(torch.equal(sample.raw_clip, clip) for sample, clip in zip(samples, before))


def verb_noun(**options):
    return MODELS.build(
        dict(
            type='VerbNounHead',
            num_verbs=3,
            num_nouns=4,
            in_channels=6,
            dropout_ratio=0,
            actions=[(0, 0), (2, 3), (1, 1)],
            **options,
        )
    )


def test_verb_and_noun_learn_both_labels():
    head = verb_noun(loss_action_weight=0.5)
    feats = torch.randn(3, 6, generator=torch.Generator().manual_seed(0))
    ours = preprocessor('EgoExoDataPreprocessor', **dict(CUTMIX, num_classes=3))
    labels = [torch.tensor(pair) for pair in ([0, 0], [2, 3], [1, 1])]
    seeded(5)
    samples = ours(batch(labels), training=True)['data_samples']
    assert [sample.gt_label.tolist() for sample in samples] == [[0, 0], [2, 3], [1, 1]]
    blend = samples[0].blend
    assert 0 < blend.own < 1 and blend.partners != (0, 1, 2)
    losses = head.loss(feats, samples)
    assert sorted(losses) == ['loss_action', 'loss_noun', 'loss_verb']
    verb, noun = head(feats)
    for name, logits, column in (('loss_verb', verb, 0), ('loss_noun', noun, 1)):
        hot = F.one_hot(torch.stack(labels)[:, column], logits.shape[1]).float()
        soft = blend.own * hot + (1 - blend.own) * hot[list(blend.partners)]
        torch.testing.assert_close(losses[name], F.cross_entropy(logits, soft))
    hot = torch.eye(3)[[head.action_table[tuple(label.tolist())].item() for label in labels]]
    soft = blend.own * hot + (1 - blend.own) * hot[list(blend.partners)]
    scores = head.action_scores(verb, noun)
    torch.testing.assert_close(losses['loss_action'], 0.5 * F.cross_entropy(scores, soft))


def test_multi_label_head():
    head = MODELS.build(
        dict(
            type='ViewEnsembleHead',
            num_classes=CLASSES,
            in_channels=6,
            multi_class=True,
            dropout_ratio=0,
            loss_cls=dict(type='BCELossWithLogits'),
        )
    )
    hot = [torch.tensor([1.0, 0, 1, 0, 0]), torch.tensor([0, 0, 1.0, 0, 1])]
    ours = preprocessor('EgoExoDataPreprocessor', **MIXUP)
    seeded(2)
    samples = ours(batch(hot), training=True)['data_samples']
    blend = samples[0].blend
    soft = torch.stack(
        [blend.own * hot[i] + (1 - blend.own) * hot[blend.partners[i]] for i in range(2)]
    )
    feats = torch.randn(2, 6)
    torch.testing.assert_close(
        head.loss(feats, samples)['loss_cls'],
        F.binary_cross_entropy_with_logits(head(feats), soft),
    )


@MODELS.register_module()
class HeadThatCannotBlend(AuxiliaryHead):
    forward = losses = misfit = None


@MODELS.register_module()
class OtherMixup(type(MODELS.build(MIXUP))):
    """A host's class with changes of a user: its draws are not known."""


def test_what_cannot_blend_is_refused_at_start():
    with pytest.raises(
        ValueError,
        match=r'model\.aux_heads\.mine \(HeadThatCannotBlend\) cannot mix its targets; give it and '
        r'its loss a method blend, see AuxiliaryHead, or set model\.data_preprocessor\.blending=N',
    ):
        build(
            dict(
                CASES['VideoMAE'].ours(),
                aux_heads=dict(mine=dict(type='HeadThatCannotBlend', target='ego_score')),
                data_preprocessor=dict(type='EgoExoDataPreprocessor', blending=MIXUP),
            )
        )
    with pytest.raises(ValueError, match='blending is OtherMixup, which mixes clips and labels'):
        model_of(dict(MIXUP, type='OtherMixup'))
