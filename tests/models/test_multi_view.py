"""Testing in bounded batches of views."""

import gc
import weakref

import pytest
import torch
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config
from mmengine.dataset import pseudo_collate

import egoexo_mm  # noqa: F401
from egoexo_mm.compat.data_samples import FORMER
from tests.tiny import CONFIG

OURS = dict(
    type='ViewEnsembleHead',
    num_classes=3,
    in_channels=144,
    activation='sigmoid',
    ensemble='max',
    pool_size=1,
)
VERB_NOUN = dict(type='VerbNounHead', num_verbs=3, num_nouns=4, in_channels=144, pool_size=1)
STOCK = {
    kind: dict(type='SlowFastHead', num_classes=3, in_channels=144, average_clips=kind)
    for kind in ('prob', 'score', None)
}


def recognizer(cls_head, kind='EgoExoRecognizer', limit=None):
    cfg = Config.fromfile(CONFIG).model
    cfg.pop('aux_heads')
    torch.manual_seed(0)
    model = MODELS.build(
        dict(cfg, type=kind, cls_head=dict(cls_head), test_cfg=dict(max_testing_views=limit))
    )
    with torch.no_grad():
        for p in model.cls_head.parameters():
            p.normal_(std=0.02)
    return model.train(False)


def scores_of(model, inputs):
    with torch.no_grad():
        samples = model.predict(inputs, [ActionDataSample() for _ in inputs])
    scores = [sample.pred_score for sample in samples]
    return torch.stack([torch.cat(list(s.values())) if isinstance(s, dict) else s for s in scores])


def clips(samples, views):
    return torch.randn(samples, views, 3, 16, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize(
    'cls_head', [OURS, VERB_NOUN, *STOCK.values()], ids=['ours', 'verb_noun', *map(str, STOCK)]
)
def test_results_do_not_depend_on_the_batches(cls_head):
    inputs = clips(2, 3)  # 4 does not divide 6, and reaches into the second sample
    whole = scores_of(recognizer(cls_head), inputs)
    for limit in (1, 4):
        torch.testing.assert_close(
            scores_of(recognizer(cls_head, limit=limit), inputs), whole, rtol=1e-5, atol=1e-5
        )
    assert (whole[0] - whole[1]).abs().max() > 1e-3  # a mixed-up view would show


@pytest.mark.parametrize('average', STOCK)
@pytest.mark.parametrize('limit', [None, 2, False])
def test_stock_heads_score_as_in_the_host(average, limit):
    inputs = clips(1, 3)
    expected = scores_of(recognizer(STOCK[average], kind='Recognizer3D', limit=limit), inputs)
    found = scores_of(recognizer(STOCK[average], limit=limit), inputs)
    # with a limit the host's linear layer sees all views at once, ours two: sums in another order
    torch.testing.assert_close(
        found, expected, rtol=1e-5 if limit else 0, atol=1e-6 if limit else 0
    )


def test_a_neck_is_run():
    cfg = Config.fromfile(CONFIG).model
    cfg.pop('aux_heads')
    model = MODELS.build(dict(cfg, cls_head=dict(OURS), test_cfg=dict(max_testing_views=2))).train(
        False
    )
    plain = scores_of(model, clips(1, 3))

    class Negative(torch.nn.Module):
        def forward(self, feats, data_samples=None):
            return tuple(-x for x in feats), {}

    model.neck = Negative()
    assert not torch.allclose(scores_of(model, clips(1, 3)), plain)


@pytest.mark.parametrize('views', [2, 6])
def test_features_do_not_pile_up(views):
    """The backbone sees two views at a time, and their features are gone when it sees the next."""
    model = recognizer(OURS, limit=2)
    batches, alive, most = [], [], []

    def watch(module, args, output):
        batches.append(len(args[0]))
        alive.extend(weakref.ref(x) for x in output)

    def count(module, args):
        gc.collect()
        most.append(sum(ref() is not None for ref in alive))

    model.backbone.register_forward_pre_hook(count)
    model.backbone.register_forward_hook(watch)
    scores_of(model, clips(1, views))
    assert batches == [2] * (views // 2) and max(most) == 0
    assert len(alive) == 2 * len(batches)  # the count would have seen them


@pytest.mark.parametrize('order', ['rgb', 'bgr'])
def test_frames_are_normalised_batch_by_batch(order):
    """Deferred frames stay uint8 until their views are due, and score as normalised ones do."""
    found = {}
    for defer in (False, True):
        model = recognizer(OURS, limit=2)
        model.data_preprocessor = MODELS.build(
            dict(
                type='EgoExoDataPreprocessor',
                channel_order=order,
                defer_testing=defer,
                mean=[110, 115, 120],
                std=[50, 55, 60],
                format_shape='NCTHW',
            )
        )
        seen = []
        model.backbone.register_forward_pre_hook(
            lambda _, args, seen=seen: seen.append((args[0].dtype, len(args[0])))
        )
        frames = torch.randint(
            0,
            256,
            (2, 3, 3, 16, 64, 64),
            dtype=torch.uint8,
            generator=torch.Generator().manual_seed(0),
        )
        data = dict(inputs=list(frames), data_samples=[ActionDataSample(), ActionDataSample()])
        assert model.data_preprocessor(data, False)['inputs'].dtype == (
            torch.uint8 if defer else torch.float32
        )
        with torch.no_grad():
            found[defer] = torch.stack([sample.pred_score for sample in model.test_step(data)])
        assert seen == [(torch.float32, 2)] * 3
    torch.testing.assert_close(found[True], found[False])


def preprocessed(model, **kwargs):
    model.data_preprocessor = MODELS.build(
        dict(
            type='EgoExoDataPreprocessor',
            mean=[114.75] * 3,
            std=[57.375] * 3,
            format_shape='NCTHW',
            **kwargs,
        )
    )
    return model


@pytest.mark.parametrize('dtype', [torch.uint8, torch.float32, torch.float16, torch.int16])
@pytest.mark.parametrize('head', [OURS, 'own prediction'], ids=str)
def test_deferred_pixels_are_normalised_whatever_their_type(dtype, head):
    """Pixels of mean 127.5 reach the network as (127.5 - 114.75) / 57.375 = 0.222."""
    model = preprocessed(
        recognizer(STOCK['prob'] if isinstance(head, str) else head, limit=2), defer_testing=True
    )
    if isinstance(head, str):

        class Own(type(model.cls_head)):
            def predict(self, feats, data_samples, **kwargs):
                return data_samples

        model.cls_head.__class__ = Own
    seen = []
    model.backbone.register_forward_pre_hook(
        lambda _, args: seen.append((args[0].mean().item(), args[0].dtype))
    )
    frames = torch.randint(
        0, 256, (3, 3, 16, 64, 64), generator=torch.Generator().manual_seed(0)
    ).to(dtype)
    with torch.no_grad():
        model.test_step(dict(inputs=[frames], data_samples=[ActionDataSample()]))
    assert len(seen) == 2  # three views, two at a time
    for mean, kind in seen:
        assert mean == pytest.approx((127.5 - 114.75) / 57.375, abs=0.02) and kind == torch.float32


def test_normalised_clips_are_not_normalised_again():
    """``predict`` takes a tensor as normalised, whatever the preprocessor would do."""
    model = preprocessed(recognizer(OURS), defer_testing=True)
    expected = scores_of(recognizer(OURS), clips(1, 2))
    assert torch.equal(scores_of(model, clips(1, 2)), expected)


def test_maps_of_deferred_frames():
    import study.modules  # noqa: F401  it has the recognizer

    cfg = Config.fromfile(CONFIG).model
    torch.manual_seed(0)
    model = preprocessed(MODELS.build(dict(cfg, type='InteractionMapRecognizer'))).train(False)
    frames = torch.randint(
        0, 256, (1, 3, 16, 64, 64), generator=torch.Generator().manual_seed(0)
    ).float()
    maps = {}
    for defer in (False, True):
        preprocessed(model, defer_testing=defer)
        with torch.no_grad():
            maps[defer] = model.test_step(dict(inputs=[frames], data_samples=[ActionDataSample()]))[
                0
            ].pred_interaction_map
    assert torch.equal(maps[True], maps[False])


def frames_once(videos, clips=2, length=16, side=64):
    """Frames, clips and crops of videos, and the same views as FormatShape makes them."""
    generator, inputs, views = torch.Generator().manual_seed(0), [], []
    for width in videos:
        frames = torch.randint(0, 256, (20, side, width, 3), dtype=torch.uint8, generator=generator)
        places = torch.stack([torch.arange(length) + clip * 3 for clip in range(clips)])
        crops = torch.tensor(
            [[x, 0, x + side, side] for x in (0, width - side, (width - side) // 2)]
        )
        inputs.append(dict(frames=frames, clip_frames=places, crops=crops))
        views.append(
            torch.stack(
                [
                    frames[clip, :, x : x + side].permute(3, 0, 1, 2)
                    for x in crops[:, 0].tolist()
                    for clip in places
                ]
            )
        )
    return inputs, views


@pytest.mark.parametrize(
    'cls_head', [OURS, VERB_NOUN, STOCK['prob']], ids=['ours', 'verb_noun', 'stock']
)
@pytest.mark.parametrize('limit, order', [(None, 'rgb'), (1, 'rgb'), (4, 'bgr')])
def test_views_cut_by_the_model_score_alike_to_the_last_bit(cls_head, limit, order):
    inputs, views = frames_once([96, 81])  # two videos of different widths in a batch
    found = []
    for data in (pseudo_collate([dict(inputs=video) for video in inputs])['inputs'], views):
        model = preprocessed(
            recognizer(cls_head, limit=limit), channel_order=order, defer_testing=True
        )
        with torch.no_grad():
            samples = model.test_step(
                dict(inputs=data, data_samples=[ActionDataSample(), ActionDataSample()])
            )
        scores = [sample.pred_score for sample in samples]
        found.append(
            torch.stack([torch.cat(list(s.values())) if isinstance(s, dict) else s for s in scores])
        )
        kept = {key for sample in samples for key in (*sample.keys(), *sample.metainfo_keys())}
        assert kept - set(FORMER.values()) <= {
            'pred_score',
            'pred_label',
            'num_classes',
        }  # frames and crops do not reach a dump
    assert torch.equal(*found) and (found[0][0] - found[0][1]).abs().max() > 0


def test_incomplete_frames():
    model = preprocessed(recognizer(OURS))
    with pytest.raises(
        ValueError, match=r'inputs lack clip_frames, crops; pack the frames of FormatViews with'
    ):
        model.test_step(
            dict(inputs=dict(frames=[torch.zeros(1)]), data_samples=[ActionDataSample()])
        )


def test_videos_of_a_batch_need_equally_many_views():
    (first,), (second,) = (frames_once([96], clips=clips)[0] for clips in (1, 2))
    with pytest.raises(
        ValueError, match=r'equally many views of every video of a batch, got \[3, 6\]; test with'
    ):
        preprocessed(recognizer(OURS)).test_step(
            dict(
                inputs=pseudo_collate([first, second]),
                data_samples=[ActionDataSample(), ActionDataSample()],
            )
        )


def test_heads_with_their_own_prediction_keep_the_path_of_the_host():
    model = recognizer(STOCK['prob'])

    class Own(type(model.cls_head)):
        def predict(self, feats, data_samples, **kwargs):
            return [len(feats[0])]

    model.cls_head.__class__ = Own
    assert model.predict(clips(1, 3), [ActionDataSample()]) == [3]


def test_bad_limit():
    with pytest.raises(ValueError, match='max_testing_views must be a whole number from 1 or None'):
        scores_of(recognizer(OURS, limit='all'), clips(1, 1))
