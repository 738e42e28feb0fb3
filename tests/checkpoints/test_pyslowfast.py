"""PySlowFast names and columns: against recorded reference scores and the host's own modules."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch
from mmaction.registry import MODELS

import egoexo_mm  # noqa: F401  registers
from egoexo_mm.checkpoints.pyslowfast import to_mmaction, to_pyslowfast
from tests.scripts import load_script

GOLDEN = Path(__file__).parents[1] / 'data' / 'golden'
seeding = load_script('tests/data/golden/seeding.py')


def golden_case(name):
    return json.loads((GOLDEN / f'{name}.json').read_text())


def shrink(key, shape):
    """An eighth of every channel count; classes, RGB and kernels stay."""
    return [
        d if i > 1 or d < 8 or (i == 0 and key.startswith('head')) else d // 8
        for i, d in enumerate(shape)
    ]


def seeded_state(shapes, seed=7):
    return {
        key: torch.from_numpy(np.asarray(seeding.seeded_array(key, tuple(shape), seed)))
        for key, shape in shapes.items()
    }


def tiny_shapes(name):
    return {key: shrink(key, shape) for key, shape in golden_case(name)['shapes'].items()}


def with_head(shapes, head):
    """The shapes with the class and teacher heads replaced by ``head``."""
    return {**{k: s for k, s in shapes.items() if not k.startswith('head')}, **head}


def star_shapes(*layers):
    """Downstream SlowFast with the interaction head, as (name, classes) of its linear layers."""
    head = {}
    for name, classes in layers:
        head.update({f'{name}.weight': [classes, 288], f'{name}.bias': [classes]})
    return with_head(tiny_shapes('k400_slowfast_r50'), head)


def r101(shapes, temporal=23):
    """Res4 of 23 blocks, the first ``temporal`` with temporal kernels; lateral kernel 5."""
    result = {}
    for key, shape in shapes.items():
        result[key] = shape[:2] + [5] + shape[3:] if '_fuse.conv' in key else shape
        for block in range(6, 23):
            if '_res5.' in key:
                kernel = [1] if key.endswith('a.weight') and block >= temporal else shape[2:3]
                copied = shape[:2] + kernel + shape[3:]
                result[key.replace('_res5.', f'_res{block}.')] = copied
    return result


def slowfast_cfg(
    *,
    width=8,
    depth=50,
    fusion_kernel=7,
    inflate=(0, 0, 1, 1),
    fast=(1, 1, 1, 1),
    type='ResNet3dSlowFast',
):
    """Settings that a PySlowFast SlowFast needs; ``width`` channels after the slow stem."""
    shared = dict(type='resnet3d', depth=depth, pretrained=None, conv1_stride_t=1, pool1_stride_t=1)
    return dict(
        type=type,
        resample_rate=4,
        speed_ratio=4,
        channel_ratio=8,
        slow_pathway=dict(
            **shared,
            base_channels=width,
            lateral=True,
            lateral_norm=True,
            fusion_kernel=fusion_kernel,
            conv1_kernel=(1, 7, 7),
            inflate=inflate,
        ),
        fast_pathway=dict(
            **shared, base_channels=width // 8, lateral=False, conv1_kernel=(5, 7, 7), inflate=fast
        ),
    )


def slow_cfg(*, width=8):
    return dict(type='ResNet3dSlowOnly', depth=50, pretrained=None, base_channels=width)


def recognizer(backbone, aux=('ego_score', 'object_score', 'interaction_map'), classes=400):
    slowfast = 'slow_pathway' in backbone
    width = backbone['slow_pathway']['base_channels'] if slowfast else backbone['base_channels']
    slow, fast = 32 * width, 4 * width if slowfast else 0
    heads = dict(
        ego_score=dict(
            type='ScoreDistillHead', target='ego_score', num_classes=2, in_channels=slow + fast
        ),
        object_score=dict(
            type='ScoreDistillHead',
            target='object_score',
            num_classes=1000,
            in_channels=slow + fast,
        ),
        interaction_map=dict(type='InteractionMapHead', in_channels=slow, mid_channels=8 * width),
    )
    return MODELS.build(
        dict(
            _scope_='mmaction',
            type='EgoExoRecognizer',
            backbone=backbone,
            cls_head=dict(
                type='SlowFastHead' if slowfast else 'I3DHead',
                num_classes=classes,
                in_channels=slow + fast,
                dropout_ratio=0.5,
                average_clips='prob',
            ),
            aux_heads={name: heads[name] for name in aux},
        )
    )


def assert_equal(got, expected):
    assert got.keys() == expected.keys()
    for key, value in expected.items():
        assert got[key].dtype == value.dtype and torch.equal(got[key], value), key


@pytest.mark.parametrize(
    ('name', 'backbone'),
    [
        ('k400_slow_r50', slow_cfg(width=64)),
        ('k400_slowfast_r50', slowfast_cfg(width=64, type='EgoExoSlowFast')),
    ],
)
@torch.no_grad()
def test_converted_weights_give_the_reference_scores(name, backbone):
    case, record = golden_case(name), np.load(GOLDEN / f'{name}.npz')
    theirs = seeded_state(case['shapes'], case['seed'])
    state, layout = to_mmaction(theirs)
    assert len(state) == len(case['shapes'])
    assert layout.depth == 50
    model = recognizer(backbone)
    model.load_state_dict(state, strict=True)
    model.eval()

    clip = seeding.clip_for(case['seed'], case['batch'], case['frames'], case['crop'])
    feats = model.backbone(torch.from_numpy(clip))
    scores = {
        'eval_scores': model.cls_head(feats),
        'eval_ego_scores': model.aux_heads['ego_score'](feats),
        'eval_obj_scores': model.aux_heads['object_score'](feats),
    }
    for key, logits in scores.items():
        np.testing.assert_allclose(logits.softmax(1).numpy(), record[key], rtol=1e-4, err_msg=key)

    assert_equal(to_pyslowfast(state)[0], theirs)


@pytest.mark.parametrize(
    ('shapes', 'backbone', 'depth'),
    [
        (r101(tiny_shapes('k400_slowfast_r50')), slowfast_cfg(depth=101, fusion_kernel=5), 101),
        (
            r101(tiny_shapes('k400_slowfast_r50'), temporal=6),
            slowfast_cfg(
                depth=101,
                fusion_kernel=5,
                inflate=(0, 0, (1,) * 6 + (0,) * 17, 1),
                fast=(1, 1, (1,) * 6 + (0,) * 17, 1),
            ),
            101,
        ),
        (tiny_shapes('k400_slowfast_r50'), slowfast_cfg(), 50),
        (tiny_shapes('k400_slow_r50'), slow_cfg(), 50),
    ],
)
def test_kinetics_names_load_strictly(shapes, backbone, depth):
    theirs = seeded_state(shapes)
    state, layout = to_mmaction(theirs)
    recognizer(backbone).load_state_dict(state, strict=True)
    slowfast = 'slow_pathway' in backbone
    assert (layout.depth, layout.slowfast) == (depth, slowfast)
    assert layout.blocks == (3, 4, 23 if depth == 101 else 6, 3)
    assert layout.channels == ((256, 32) if slowfast else (256,))
    if slowfast:
        assert layout.fusion_kernel == backbone['slow_pathway']['fusion_kernel']
        assert layout.inflate == (
            backbone['slow_pathway']['inflate'],
            backbone['fast_pathway']['inflate'],
        )
    assert layout.heads == {
        'cls_head.fc_cls': 400,
        'aux_heads.ego_score.fc': 2,
        'aux_heads.object_score.fc': 1000,
        'aux_heads.interaction_map.conv': 64,
        'aux_heads.interaction_map.conv_map': 2,
    }
    assert_equal(to_pyslowfast(state)[0], theirs)


@pytest.mark.parametrize(
    ('case', 'backbone'), [('k400_slowfast_r50', slowfast_cfg()), ('k400_slow_r50', slow_cfg())]
)
def test_stock_checkpoint_loads_in_the_stock_recognizer(case, backbone):
    columns = 288 if 'slow_pathway' in backbone else 256
    shapes = {key: shape for key, shape in tiny_shapes(case).items() if not key.startswith('hand')}
    theirs = seeded_state(
        with_head(shapes, {'head.projection.weight': [400, columns], 'head.projection.bias': [400]})
    )
    state, layout = to_mmaction(theirs)
    model = recognizer(backbone, aux=())
    stock = MODELS.build(
        dict(
            _scope_='mmaction',
            type='Recognizer3D',
            backbone=backbone,
            cls_head=dict(type=type(model.cls_head).__name__, num_classes=400, in_channels=columns),
        )
    )
    stock.load_state_dict(state, strict=True)
    assert layout.heads == {'cls_head.fc_cls': 400}
    assert_equal(to_pyslowfast(state)[0], theirs)


def test_charades_star_head_keeps_its_task():
    theirs = seeded_state(star_shapes(('headcharades-ego.projection', 157)))
    state, layout = to_mmaction(theirs)
    assert layout.task == 'charades-ego'
    model = recognizer(slowfast_cfg(), aux=('interaction_map',), classes=157)
    model.load_state_dict(state, strict=True)
    assert_equal(to_pyslowfast(state, 'charades-ego')[0], theirs)
    assert 'head.projection.weight' in to_pyslowfast(state)[0]


@pytest.mark.parametrize(('task', 'verbs', 'nouns'), [('epic', 125, 352), ('epic100', 97, 300)])
def test_epic_star_heads_become_verb_and_noun(task, verbs, nouns):
    theirs = seeded_state(
        star_shapes((f'head{task}.projections.0', verbs), (f'head{task}.projections.1', nouns))
    )
    state, layout = to_mmaction(theirs)
    assert layout.task == task
    head = {key: value for key, value in state.items() if key.startswith('cls_head.')}
    assert {key: tuple(value.shape) for key, value in head.items()} == {
        'cls_head.fc_verb.weight': (verbs, 288),
        'cls_head.fc_verb.bias': (verbs,),
        'cls_head.fc_noun.weight': (nouns, 288),
        'cls_head.fc_noun.bias': (nouns,),
    }
    backbone = {
        key.removeprefix('backbone.'): value
        for key, value in state.items()
        if key.startswith('backbone.')
    }
    MODELS.build(slowfast_cfg()).load_state_dict(backbone, strict=True)
    assert_equal(to_pyslowfast(state, task)[0], theirs)


def hand_made(slow=3, fast=2):
    """One block a stage, ``slow`` and ``fast`` res5 channels, numbered class columns."""
    widths = {0: slow, 1: fast}
    state = {}

    def module(name, *conv_shape):
        state[f'{name}.weight'] = torch.rand(conv_shape)
        norm = name.replace('.conv_f2s', '.bn') if 'fuse' in name else f'{name}_bn'
        norm = name.replace('stem.conv', 'stem.bn') if 'stem' in name else norm
        for leaf in ('weight', 'bias', 'running_mean', 'running_var'):
            state[f'{norm}.{leaf}'] = torch.rand(conv_shape[0])

    for p, width in widths.items():
        module(f's1.pathway{p}_stem.conv', width, 3, 1 + 4 * p, 7, 7)
        for k in range(2, 6):
            for branch in ('branch1', 'branch2.a', 'branch2.b', 'branch2.c'):
                kernel = 3 if branch == 'branch2.a' and (p or k > 3) else 1
                module(f's{k}.pathway{p}_res0.{branch}', width, width, kernel, 1, 1)
    for k in range(1, 5):
        module(f's{k}_fuse.conv_f2s', 2 * fast, fast, 5, 1, 1)
    state['head.projection.weight'] = torch.tensor([[1.0, 2, 3, 10, 20], [4, 5, 6, 40, 50]])
    state['head.projection.bias'] = torch.tensor([7.0, 8])
    return state


def test_columns_move_from_slow_fast_to_fast_slow():
    theirs = hand_made()
    state, layout = to_mmaction(theirs)
    assert layout.channels == (3, 2)
    assert layout.depth is None
    assert state['cls_head.fc_cls.weight'].tolist() == [[10, 20, 1, 2, 3], [40, 50, 4, 5, 6]]
    assert state['cls_head.fc_cls.bias'].tolist() == [7, 8]
    # [slow | fast] = [1, 1, 1 | 2, 0] gives 1 + 2 + 3 + 2 * 10 = 26 and 4 + 5 + 6 + 2 * 40 = 95.
    feature = torch.tensor([2.0, 0, 1, 1, 1])
    assert (state['cls_head.fc_cls.weight'] @ feature).tolist() == [26, 95]
    assert_equal(to_pyslowfast(state)[0], theirs)


def test_names_of_every_kind_of_module():
    """Stem, shortcut, bottleneck and lateral connection."""
    state = hand_made()
    converted, _ = to_mmaction(state)
    for theirs, ours in {
        's1.pathway0_stem.conv.weight': 'slow_path.conv1.conv.weight',
        's1.pathway1_stem.bn.running_var': 'fast_path.conv1.bn.running_var',
        's1_fuse.conv_f2s.weight': 'slow_path.conv1_lateral.conv.weight',
        's4_fuse.bn.bias': 'slow_path.layer3_lateral.bn.bias',
        's2.pathway0_res0.branch1.weight': 'slow_path.layer1.0.downsample.conv.weight',
        's5.pathway1_res0.branch1_bn.weight': 'fast_path.layer4.0.downsample.bn.weight',
        's3.pathway1_res0.branch2.a.weight': 'fast_path.layer2.0.conv1.conv.weight',
        's4.pathway0_res0.branch2.b_bn.bias': 'slow_path.layer3.0.conv2.bn.bias',
        's5.pathway0_res0.branch2.c.weight': 'slow_path.layer4.0.conv3.conv.weight',
    }.items():
        assert converted[f'backbone.{ours}'] is state[theirs]


def test_ddp_prefix_and_old_head_name_are_accepted():
    theirs = seeded_state(tiny_shapes('k400_slow_r50'))
    old = {
        'module.' + re.sub('^handobjhead', 'headobjhead', key): value
        for key, value in theirs.items()
    }
    assert 'module.headobjhead.score_projection.bias' in old
    assert_equal(to_mmaction(old)[0], to_mmaction(theirs)[0])


def test_batch_counters_may_be_absent():
    """PyTorch before 0.4.1 did not write them."""
    state, _ = to_mmaction(hand_made())
    assert not any(key.endswith('num_batches_tracked') for key in state)


def without(*patterns):
    return lambda s: {k: v for k, v in s.items() if not any(re.match(p, k) for p in patterns)}


def adding(**extra):
    return lambda s: {**s, **{k.replace('__', '.'): v for k, v in extra.items()}}


def renaming(pattern, new):
    return lambda s: {re.sub(pattern, new, k): v for k, v in s.items()}


@pytest.mark.parametrize(
    ('change', 'message'),
    [
        (
            adding(s3__pathway0_nonlocal3__conv_g__weight=torch.ones(1)),
            r'has 1 unknown key \(s3\.pathway0_nonlocal3\.conv_g\.weight\); '
            r'expected exactly a SlowFast',
        ),
        (
            without(r's5\.pathway1'),  # 4 convolutions and 4 norms of 4 tensors
            r'has 20 missing keys \(s5\.pathway1_res0\.branch2\.a\.weight, .*, \.\.\.\); expected',
        ),
        (without(r's2\.'), r'has 40 missing keys \(s2\.pathway0_res0'),
        (
            renaming(r'_res0\.branch2\.b\.', '_res0.branch2.conv_b.'),
            r'has 8 unknown keys .* and 8 missing',
        ),
        (without(r's\d\.'), r'has no residual stage .*expected keys such as .s2\.pathway0_res0'),
        (without('head'), r'has no single class head \(found: none\); expected `head\.projection`'),
        (
            adding(headepic__projection__weight=torch.ones(1)),
            r'class head \(found: `head`, `headepic`\)',
        ),
        (without('head.projection.bias'), r'has 1 missing key \(head\.projection\.bias\)'),
        (
            adding(handobjhead__score_projection__bias=torch.ones(2)),
            r'3 missing keys \(handobjhead\.pathway0_conv_fcn0\.weight',
        ),
        (
            adding(head__projection__weight=torch.ones(2, 3)),
            r'head\.projection\.weight has 3 columns; expected 3 \+ 2, the channels',
        ),
        (
            adding(head__projection__bias=[1, 2]),
            r'head\.projection\.bias is a list; expected a tensor',
        ),
        (
            adding(s2_fuse__conv_f2s__weight=torch.ones(4, 2, 7, 1, 1)),
            r'has lateral kernels \[5, 7\]',
        ),
        (
            adding(s1__pathway0_stem__conv__weight=torch.ones(3, 3, 5, 7, 7)),
            r'stem kernels \[5, 5\].*C2D and I3D',
        ),
        (
            adding(s5__pathway0_res0__branch2__a__weight=torch.ones(3, 3, 2, 1, 1)),
            r'branch2\.a\.weight has a temporal kernel of 2; expected 1 or 3',
        ),
        (
            adding(s5__pathway0_res0__branch2__c__weight=torch.ones(3, 3)),
            r'branch2\.c\.weight has shape \(3, 3\); expected 5 dimensions',
        ),
    ],
)
def test_what_is_no_slowfast_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        to_mmaction(change(hand_made()))


@pytest.mark.parametrize('task', ['', 'epic100'])
def test_two_projections_are_verb_and_noun_of_a_task_only(task):
    state = hand_made()
    for index in (0, 1):
        state[f'head{task}.projections.{index}.weight'] = state['head.projection.weight'] + index
        state[f'head{task}.projections.{index}.bias'] = state['head.projection.bias']
    state = without(r'head\.projection\.')(state)
    if task:
        converted = to_mmaction(state)[0]
        assert converted['cls_head.fc_noun.weight'][0].tolist() == [11, 21, 2, 3, 4]
    else:
        with pytest.raises(
            ValueError,
            match='`head` has the layers projections.0, projections.1; '
            'expected one `projection`, three `projections`',
        ):
            to_mmaction(state)


def test_both_names_of_the_interaction_head_are_refused():
    both = {
        f'{name}.score_projection.bias': torch.ones(2) for name in ('handobjhead', 'headobjhead')
    }
    with pytest.raises(ValueError, match='`headobjhead.` and `handobjhead.` name the same tensor'):
        to_mmaction({**hand_made(), **both})


@pytest.mark.parametrize(
    ('change', 'task', 'message'),
    [
        (renaming('fc_cls', 'fc_verb'), '', r'verb and a noun head.*give --task epic'),
        (renaming('fc_cls', 'fc_verb'), 'epic', r'has 2 missing keys \(cls_head\.fc_noun\.weight'),
        (adding(aux_heads__ego_score__fc__bias=torch.ones(2)), 'epic', r'leave --task epic out'),
        (
            adding(aux_heads__ego_score__fc__bias=torch.ones(2)),
            '',
            r'3 missing keys \(aux_heads\.ego_score',
        ),
        (
            adding(aux_heads__gaze__fc__bias=torch.ones(2)),
            '',
            r'1 unknown key \(aux_heads\.gaze\.fc\.bias',
        ),
        (adding(), 'epic.100', r"task name 'epic\.100' has a dot"),
        (
            without(r'.*_lateral\.bn'),
            '',  # four norms of four tensors: lateral_norm=False
            r'16 missing keys \(backbone\.slow_path\.conv1_lateral\.bn.*batch norm in the lateral',
        ),
    ],
)
def test_the_way_back_refuses_what_pyslowfast_has_no_name_for(change, task, message):
    with pytest.raises(ValueError, match=message):
        to_pyslowfast(change(to_mmaction(hand_made())[0]), task)
