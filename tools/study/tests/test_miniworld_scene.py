"""What is drawn is what the ground truth says."""

import numpy as np
import pytest

from egoexo_mm.targets import HAND, OBJECT
from study.world import NOUNS, VERBS, render_clip
from study.world.bodies import Person
from study.world.cameras import HEIGHT, WIDTH, FirstPersonCamera, ThirdPersonCamera
from study.world.clips import detections
from study.world.motions import make_motion
from study.world.objects import make_sprite
from study.world.render import SUPER, draw, render_frame
from study.world.scene import NONE, PORTABLE, make_scene
from study.world.textures import STYLES


def test_a_seed_is_a_clip():
    first, again = (
        render_clip([5, 1], 2, 3, view='first', times=np.linspace(0, 1, 4)) for _ in range(2)
    )
    assert first.frames.shape == (4, HEIGHT, WIDTH, 3) and np.array_equal(
        first.frames, again.frames
    )
    other = render_clip([5, 2], 2, 3, view='first', times=np.linspace(0, 1, 4))
    assert np.abs(first.frames.astype(int) - other.frames).mean() > 10


@pytest.mark.parametrize('view', ['first', 'third'])
def test_hand_boxes_are_tight_round_what_a_hand_covers(view):
    checked = 0
    for seed in range(6):
        rng = np.random.default_rng(seed)
        scene = make_scene(seed % len(VERBS), seed, rng, STYLES[view])
        camera = FirstPersonCamera(rng) if view == 'first' else ThirdPersonCamera(rng, True)
        camera = camera.at(0.5, scene.motion.place(0.5))
        hands = scene.hands(0.5)
        truth = render_frame(scene, camera, 0.5, view == 'first')[1]
        whole = draw(scene, camera, 0.5, hands, view == 'first')[..., :3].astype(int)
        for number, hand in enumerate(hands):
            rest = draw(scene, camera, 0.5, hands, view == 'first', without=(number,))[..., :3]
            changed = np.argwhere(np.abs(whole - rest).sum(-1) > 0)
            if len(changed) < 25 * SUPER**2:
                continue
            (top, left), (bottom, right) = changed.min(0) / SUPER, (changed.max(0) + 1) / SUPER
            boxes = [item.box for item in truth.hands if item.side == hand.side]
            # a pixel of the same colour before and behind may hide at the rim, hence the tolerance
            assert min(np.abs(box - (left, top, right, bottom)).max() for box in boxes) <= 1.0
            checked += 1
    assert checked >= 6


def test_a_hand_touches_what_it_holds_and_its_offset_ends_there():
    rng = np.random.default_rng(0)
    for verb in VERBS:
        motion = make_motion(verb, rng, 0.1)
        times = np.linspace(0, 1, 50)
        held = np.array([motion.held(t) for t in times])
        poses = np.array([[*motion.place(t), motion.roll(t)] for t in [*times, 1.02]])
        moves = np.abs(np.diff(poses, axis=0)).sum(1)
        assert held.any() and not moves[~held][:-1].any()  # nothing moves by itself
        assert all(motion.closeness(t) == 1 for t in times[held])
    columns = detections(render_clip([1, 2, 3], 0, 4, view='first').truth)
    hands = columns['kind'] == HAND
    linked = hands & ~np.isnan(columns['offset'][:, 0])
    assert linked.sum() > 10 and (columns['contact'][linked] != NONE).all()
    for i in np.flatnonzero(linked):
        x1, y1, x2, y2 = columns['box'][i]
        end = np.array([(x1 + x2) / 2, (y1 + y2) / 2]) + columns['offset'][i]
        boxes = columns['box'][
            (columns['kind'] == OBJECT) & (columns['frame'] == columns['frame'][i])
        ]
        assert np.abs((boxes[:, :2] + boxes[:, 2:]) / 2 - end).max(1).min() < 1e-6
    assert (columns['side'][~hands] == -1).all() and PORTABLE in columns['contact'][linked]


@pytest.mark.parametrize(
    'verb, axis, sign', [('lift', 1, 1), ('put', 1, -1), ('push', 2, 1), ('pull', 2, -1)]
)
def test_a_verb_is_a_way(verb, axis, sign):
    for seed in range(5):
        motion = make_motion(verb, np.random.default_rng(seed), 0.1)
        way = motion.place(motion.end) - motion.place(motion.begin)
        assert sign * way[axis] >= 0.15 and abs(way[0]) <= 0.06
        assert motion.place(0.0) == pytest.approx(motion.start) and motion.place(
            motion.end + 0.1
        ) == pytest.approx(motion.start + motion.way)


def test_shaking_returns_and_turning_stays():
    shake, rotate = (
        make_motion(verb, np.random.default_rng(1), 0.1) for verb in ('shake', 'rotate')
    )
    x = np.array([shake.place(t)[0] for t in np.linspace(shake.begin, shake.end, 200)])
    assert np.abs(np.diff(np.sign(x - shake.start[0]))).sum() >= 2 * 3 and x[0] == pytest.approx(
        x[-1]
    )
    assert 2.2 <= abs(rotate.roll(1.0)) <= 4.2 and np.linalg.norm(rotate.way) < 0.03


def test_thumbs_are_on_the_inner_side():
    grey = np.full(3, 128.0)
    person = Person(np.zeros(3), 0.0, grey, grey, grey)
    for side, inwards in ((0, 1), (1, -1)):
        wrist = np.array([-0.2 * inwards, 0.05, 0.35])
        forearm = person.arm(side, wrist)[1]
        palm, *fingers, thumb = person.hand(side, forearm, wrist + (0, 0, 1), grip=0.0)
        assert inwards * (thumb.b[0] - palm.b[0]) > 0.04 and len(fingers) == 4
        assert forearm.b == pytest.approx(wrist)


def test_both_views_of_a_pair_show_one_scene():
    ego, exo = (
        detections(render_clip([8, 8], 3, 5, view=view, style='home', paired=True).truth)
        for view in ('first', 'third')
    )
    touching = [
        {
            (frame, side): contact
            for frame, side, contact, kind in zip(
                columns['frame'], columns['side'], columns['contact'], columns['kind']
            )
            if kind == HAND
        }
        for columns in (ego, exo)
    ]
    shared = touching[0].keys() & touching[1].keys()
    assert len(shared) > 20 and all(touching[0][key] == touching[1][key] for key in shared)


def test_nouns_differ_in_shape():
    rng = np.random.default_rng(0)
    masks = [make_sprite(noun, rng, STYLES['home'])[..., 3] > 0 for noun in NOUNS]
    for i, one in enumerate(masks):
        for other in masks[:i]:
            assert (one & other).sum() / (one | other).sum() < 0.87
