"""``EgoExoInferencer``: the scores of ``tools/test.py``, whatever the input and the batch."""

import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from mmaction.registry import INFERENCERS, MODELS

from egoexo_mm.export.scorer import load_recognizer
from egoexo_mm.inference import EgoExoInferencer, Source
from egoexo_mm.video import open_frames
from tests.inference import cases


@pytest.fixture(scope='module')
def kinetics(tmp_path_factory):
    return cases.kinetics(tmp_path_factory.mktemp('kinetics'))


@pytest.fixture(scope='module')
def inferencer(kinetics):
    return EgoExoInferencer(kinetics.config, kinetics.checkpoint, device='cpu')


@pytest.fixture(scope='module')
def videos(kinetics):
    return sorted(str(path) for path in (kinetics.root / 'videos').iterdir())


def scores_of(inferencer, inputs, **kwargs):
    samples = inferencer(inputs, return_datasamples=True, **kwargs)['predictions']
    return torch.stack([flat(sample.pred_score) for sample in samples])


def flat(scores):
    if isinstance(scores, dict):
        return torch.cat([torch.as_tensor(scores[part]) for part in sorted(scores)])
    return torch.as_tensor(scores)


def close(found, expected):
    torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


def test_registered_as_those_of_mmaction2():
    assert INFERENCERS.get('egoexo') is INFERENCERS.get('EgoExoInferencer') is EgoExoInferencer


def test_single_label_equals_the_test(kinetics, inferencer, videos):
    expected = torch.stack([flat(sample['pred_score']) for sample in kinetics.tested()])
    found = scores_of(inferencer, videos, batch_size=2)
    close(found, expected)
    assert (found[0] - found[1]).abs().max() > 1e-3  # a mixed-up video would show


@pytest.mark.parametrize('make', [cases.charades_ego, cases.epic100], ids=['several', 'verb_noun'])
def test_frames_of_datasets_equal_the_test(make, tmp_path):
    case = make(tmp_path)
    expected = torch.stack([flat(sample['pred_score']) for sample in case.tested()])
    if make is cases.epic100:  # segments: frames 1-40, 20-30 and 50-60 at 50 a second
        folder = tmp_path / 'P01/rgb_frames/P01_101'
        spans = [(1, 40), (20, 30), (50, 60)]
        inputs = [
            Source(str(folder), start=(a - 1) / 50, end=(b - 1) / 50, fps=50) for a, b in spans
        ]
    else:
        inputs = [str(tmp_path / 'frames' / name) for name in ('AAAAAEGO', 'BBBBBEGO', 'CCCCCEGO')]
    found = scores_of(EgoExoInferencer(case.cfg, case.checkpoint, 'cpu'), inputs)
    close(found, expected)
    assert (found[0] - found[1]).abs().max() > 1e-4


def test_frames_equal_their_video_and_batches_single_videos(inferencer, videos, tmp_path):
    reader = open_frames(videos[0])
    frames = np.stack(reader.get_batch(range(len(reader))))
    for number, frame in enumerate(frames):
        cv2.imwrite(str(tmp_path / f'{number:03}.png'), frame[..., ::-1])
    expected = scores_of(inferencer, videos[0])
    found = scores_of(inferencer, [frames, str(tmp_path)], fps=30, batch_size=2)
    close(found, expected.expand(2, -1))
    together = scores_of(inferencer, [*videos, frames], batch_size=3, num_workers=2, fps=30)
    close(together, torch.cat([scores_of(inferencer, [one], fps=30) for one in [*videos, frames]]))


def test_videos_of_other_sizes_share_a_batch(inferencer, videos):
    tall = np.random.default_rng(0).integers(0, 255, (20, 90, 60, 3), np.uint8)
    close(
        scores_of(inferencer, [videos[0], tall], batch_size=2),
        torch.cat([scores_of(inferencer, one) for one in (videos[0], tall)]),
    )


def test_windows_equal_the_videos_of_their_frames(inferencer, videos):
    reader = open_frames(videos[1])  # 40 frames at 30 a second
    frames = np.stack(reader.get_batch(range(40)))
    found = inferencer(videos[1], window=0.5, stride=0.4, return_datasamples=True)['predictions']
    assert [(round(s.start, 6), round(s.end, 6)) for s in found] == [
        (0, 0.5),
        (0.4, 0.9),
        (0.8, 1.3),
        (1.2, round(4 / 3, 6)),
    ]
    parts = [frames[0:15], frames[12:27], frames[24:39], frames[36:40]]
    expected = scores_of(inferencer, parts, fps=30)
    close(torch.stack([sample.pred_score for sample in found]), expected)


def test_a_dict_names_the_best_classes(kinetics, videos):
    named = EgoExoInferencer(kinetics.cfg, kinetics.checkpoint, 'cpu', classes=['cut', 'peel'])
    (sample,) = named(videos[0], return_datasamples=True)['predictions']
    found = named(videos[0], top_k=1, scores=True)
    (row,) = found['predictions']
    best = int(sample.pred_score.argmax())
    assert row['video'] == videos[0] and (row['start'], row['end']) == (0, 1.333)
    assert row['labels'] == [
        dict(id=best, name=['cut', 'peel'][best], score=round(float(sample.pred_score[best]), 6))
    ]
    close(torch.tensor(row['scores']), sample.pred_score)
    assert found['failures'] == [] and found['visualization'] is None


def test_features_are_what_the_class_head_classifies(inferencer, videos):
    found = inferencer(videos[:2], features=True, batch_size=2, return_datasamples=True)
    features = torch.stack([sample.feature for sample in found['predictions']])
    assert features.shape == (2, 144)  # slow 128, fast 16
    assert [sample.feature.dim() for sample in found['predictions']] == [1, 1]
    # one view, so that the score is that of the feature
    cfg = inferencer.cfg.copy()
    cfg.test_dataloader = dict(dataset=dict(pipeline=cfg.val_pipeline))
    single = EgoExoInferencer(cfg, None, 'cpu')
    single.model.load_state_dict(inferencer.model.state_dict())
    (sample,) = single(videos[0], features=True, return_datasamples=True)['predictions']
    close(single.model.cls_head.fc_cls(sample.feature).softmax(0).detach(), sample.pred_score)


def test_a_model_without_class_head_gives_features(kinetics, inferencer, videos):
    cfg = kinetics.cfg.copy()
    cfg.model = dict(cfg.model, cls_head=None)
    bare = EgoExoInferencer(cfg, None, 'cpu')
    bare.model.load_state_dict(inferencer.model.state_dict(), strict=False)
    with_head = inferencer(videos[0], features=True, return_datasamples=True)['predictions'][0]
    found = bare(videos[0], return_datasamples=True)['predictions'][0]
    close(found.feature, with_head.feature)
    assert bare(videos[0])['predictions'][0].keys() == {'video', 'start', 'end'}
    # of several videos at once, a few of their six views at a time
    bare.model.test_cfg = dict(max_testing_views=4)
    sizes = []
    bare.model.backbone.register_forward_pre_hook(lambda _, args: sizes.append(len(args[0])))
    both = bare(videos[:2], return_datasamples=True, batch_size=2)['predictions']
    close(both[0].feature, found.feature)
    close(both[1].feature, bare(videos[1], return_datasamples=True)['predictions'][0].feature)
    assert sizes[:3] == [4, 4, 4]


def test_unreadable_files_are_told_and_the_rest_is_answered(inferencer, videos, tmp_path):
    broken = tmp_path / 'broken.mp4'
    broken.write_bytes(b'no video')
    missing = str(tmp_path / 'missing.mp4')
    inputs = [videos[0], str(broken), missing, videos[1]]
    for window in (None, 1.0):
        found = inferencer(
            inputs, batch_size=4, num_workers=2, window=window, return_datasamples=True
        )
        assert {sample.video for sample in found['predictions']} == {videos[0], videos[1]}
        assert [failure.path for failure in found['failures']] == [str(broken), missing]
        assert found['failures'][1].reason == 'no such file'
    close(
        torch.stack([s.pred_score for s in found['predictions'] if s.start == 0]),
        scores_of(inferencer, videos[:2], window=1.0)[[0, 2]],
    )


def test_mixed_precision_is_close(kinetics, inferencer, videos):
    mixed = EgoExoInferencer(kinetics.cfg, kinetics.checkpoint, 'cpu', amp='bfloat16')
    found, expected = scores_of(mixed, videos[0]), scores_of(inferencer, videos[0])
    assert 0 < (found - expected).abs().max() < 0.05
    with pytest.raises(ValueError, match="amp must be None, 'float16' or 'bfloat16'"):
        EgoExoInferencer(kinetics.cfg, kinetics.checkpoint, 'cpu', amp='half')


def test_a_checkpoint_that_does_not_fit_is_refused(kinetics, tmp_path):
    state = torch.load(kinetics.checkpoint, weights_only=True)['state_dict']
    del state['cls_head.fc_cls.weight']
    torch.save(dict(state_dict=state), tmp_path / 'headless.pth')
    with pytest.raises(ValueError, match=r'headless.pth lacks 1 tensors .*cls_head.fc_cls.weight'):
        EgoExoInferencer(kinetics.cfg, str(tmp_path / 'headless.pth'), 'cpu')
    with pytest.raises(ValueError, match='is not a file'):
        EgoExoInferencer(kinetics.cfg, str(tmp_path / 'none.pth'), 'cpu')


@pytest.mark.parametrize('device', ['cuda:99', 'gpu'])
def test_a_device_that_is_not_there_is_refused_first(device):
    with pytest.raises(ValueError, match=rf"^device '{device}' cannot be used .*; give cpu"):
        EgoExoInferencer('never read.py', None, device)


def test_the_names_of_a_compiled_model_are_taken(kinetics, tmp_path):
    """Names as torch.compile of the backbone and DistributedDataParallel make them."""
    state = torch.load(kinetics.checkpoint, weights_only=True)['state_dict']
    wrapped = {
        f'module.{name}'.replace('backbone.', 'backbone._orig_mod.'): x for name, x in state.items()
    }
    torch.save(dict(state_dict=wrapped, meta={}), tmp_path / 'compiled.pth')
    found = EgoExoInferencer(kinetics.cfg, str(tmp_path / 'compiled.pth'), 'cpu').model
    exported = load_recognizer(kinetics.cfg, str(tmp_path / 'compiled.pth'))
    for name, value in state.items():
        assert torch.equal(found.state_dict()[name], value), name
        if not name.startswith('aux_heads.'):
            assert torch.equal(exported.state_dict()[name], value), name


def test_names_must_be_those_of_the_head(kinetics):
    with pytest.raises(ValueError, match='names 3 classes .* but the model has 2 of label'):
        EgoExoInferencer(kinetics.cfg, kinetics.checkpoint, 'cpu', classes=['a', 'b', 'c'])


def test_stock_recognizers_are_taken(kinetics, inferencer, videos):
    """MMAction2's recognizer and head, whose scores may be logits: told as probabilities."""
    cfg = kinetics.cfg.copy()
    stock = dict(type='SlowFastHead', num_classes=2, in_channels=144, average_clips='score')
    cfg.model = dict(cfg.model, type='Recognizer3D', cls_head=stock)
    cfg.model['data_preprocessor'] = dict(
        type='ActionDataPreprocessor', mean=[110] * 3, std=[50] * 3, format_shape='NCTHW'
    )
    cfg.model.pop('aux_heads')
    steps = [s for s in cfg.test_pipeline if s['type'] not in ('UniqueFrames', 'RepeatFrames')]
    steps[-2:] = [dict(type='FormatShape', input_format='NCTHW'), dict(type='PackActionInputs')]
    cfg.test_dataloader = dict(dataset=dict(pipeline=steps))
    model = EgoExoInferencer(cfg, None, 'cpu')
    (row,) = model(videos[0], scores=True)['predictions']
    shares = torch.tensor(row['scores']).softmax(0)
    assert sum(entry['score'] for entry in row['labels']) == pytest.approx(1, abs=1e-5)
    assert row['labels'][0]['score'] == pytest.approx(float(shares.max()), abs=1e-6)
    assert not model.has_maps
    with pytest.raises(ValueError, match='no head that predicts maps'):
        model.map_kinds()


def test_the_model_is_that_of_the_config(inferencer):
    assert isinstance(inferencer.model, MODELS.get('EgoExoRecognizer'))
    assert not inferencer.model.training and os.path.exists(inferencer.cfg.filename)


def test_scores_that_are_not_finite_are_failures(kinetics, videos):
    model = EgoExoInferencer(kinetics.cfg, kinetics.checkpoint, 'cpu', amp='bfloat16')
    normal = model.model.cls_head.forward
    calls = iter(range(4))

    def overflows(*args, **kwargs):
        return normal(*args, **kwargs) * (float('nan') if next(calls) in (1, 2) else 1)

    model.model.cls_head.forward = overflows
    found = model(videos[:2], window=0.7, num_workers=0, batch_size=1)
    assert [(Path(row['video']).name, row['start']) for row in found['predictions']] == [
        ('clip_0.mp4', 0),
        ('clip_1.mp4', 0.7),
    ]
    assert [failure.path for failure in found['failures']] == videos[:2]
    assert found['failures'][0].reason == (
        'scores of 0:00.7 - 0:01.3 are NaN or infinite: half precision overflowed, or the model '
        'diverged; predict in full precision (without --amp), or with another checkpoint'
    )


def test_features_that_are_not_finite_are_failures(kinetics, videos):
    cfg = kinetics.cfg.copy()
    cfg.model = dict(cfg.model, cls_head=None)
    bare = EgoExoInferencer(cfg, None, 'cpu')
    next(bare.model.backbone.parameters()).data.fill_(float('nan'))
    found = bare(videos[0])
    assert not found['predictions'] and 'the model diverged' in found['failures'][0].reason
