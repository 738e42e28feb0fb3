"""Geometry of stored and online targets against the model's."""

from types import SimpleNamespace

import pytest
import torch
from mmaction.registry import MODELS
from mmengine.config import Config
from mmengine.dataset import ConcatDataset, RepeatDataset, pseudo_collate
from mmengine.registry import init_default_scope
from mmengine.runner import ValLoop

import egoexo_mm  # noqa: F401
from egoexo_mm.datasets import VideoTargetDataset
from egoexo_mm.datasets.transforms import LoadTargets
from egoexo_mm.engine import CheckTargetsHook
from egoexo_mm.interaction_maps import MapGeometry
from tests.models.backbone_cases import CASES, build
from tests.tiny import CONFIG, make_data


@pytest.fixture(scope='module')
def cfg(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        for name, value in make_data(tmp_path_factory.mktemp('data'), num_videos=2).items():
            patch.setenv(name, value)
        init_default_scope('mmaction')
        yield Config.fromfile(CONFIG)


def model_of(cfg, **backbone):
    model = MODELS.build({**cfg.model, 'backbone': {**cfg.model.backbone, **backbone}})
    return model


def dataset_of(cfg, targets=None, **geometry):
    settings = {
        key: value
        for key, value in cfg.train_dataloader.dataset.items()
        if key not in ('type', 'pipeline')
    }
    pipeline = [
        dict(step, **geometry) if step['type'] == 'LoadTargets' else step
        for step in cfg.train_dataloader.dataset.pipeline
    ]
    return VideoTargetDataset(
        pipeline=pipeline, **dict(settings, **({} if targets is None else dict(targets=targets)))
    )


def check(model, dataset, validation=None):
    warnings = []
    loop = ValLoop.__new__(ValLoop) if validation else None
    if loop:
        loop.dataloader = SimpleNamespace(dataset=validation)
    runner = SimpleNamespace(
        model=model,
        _val_loop=loop,
        train_dataloader=SimpleNamespace(dataset=dataset),
        logger=SimpleNamespace(warning=warnings.append),
    )
    CheckTargetsHook().before_train(runner)
    return warnings


def step(model, dataset):
    """The losses of a batch of two."""
    return model(
        **model.data_preprocessor(pseudo_collate([dataset[0], dataset[1]]), True), mode='loss'
    )


@pytest.mark.parametrize('sampling', ['linspace', 'stride'])
def test_what_agrees_passes(cfg, sampling):
    model, dataset = model_of(cfg, slow_sampling=sampling), dataset_of(cfg, frame_sampling=sampling)
    assert check(model, dataset) == []
    for _ in range(2):  # the second step is no longer looked at
        assert torch.isfinite(step(model, dataset)['loss_hand'])
    assert not model.backbone._forward_pre_hooks


@pytest.mark.parametrize(
    'wrap',
    [
        lambda data: data,
        lambda data: RepeatDataset(data, 2),
        lambda data: ConcatDataset([data, data]),
        lambda data: torch.utils.data.Subset(RepeatDataset(data, 2), [0]),
    ],
)
def test_frames_of_another_sampling(cfg, wrap):
    """16 frames, stride 4, the same shape: linspace shows 0, 5, 10, 15, stride 0, 4, 8, 12."""
    with pytest.raises(ValueError) as stop:
        check(
            model_of(cfg, slow_sampling='stride'), wrap(dataset_of(cfg, frame_sampling='linspace'))
        )
    said = str(stop.value)
    assert (
        "LoadTargets of train_dataloader.dataset.pipeline has frame_sampling='linspace', but "
        "model.backbone.slow_sampling='stride'" in said
    )
    assert "set frame_sampling='stride' there, or model.backbone.slow_sampling='linspace'" in said


def test_the_hosts_slowfast_samples_by_stride(cfg):
    """It has no such setting and takes every fourth frame."""
    backbone = {key: value for key, value in cfg.model.backbone.items() if key != 'slow_sampling'}
    backbone['slow_pathway'] = {
        key: value for key, value in backbone['slow_pathway'].items() if key != 'lateral_norm'
    }
    model = MODELS.build({**cfg.model, 'backbone': dict(backbone, type='ResNet3dSlowFast')})
    with pytest.raises(
        ValueError, match="ResNet3dSlowFast sees every 4th frame.*set frame_sampling='stride' there"
    ):
        check(model, dataset_of(cfg))
    check(model, dataset_of(cfg, frame_sampling='stride'))


def test_another_backbone_is_warned_of(cfg):
    model = model_of(cfg)
    model.backbone = torch.nn.Conv3d(3, 128, (4, 32, 32), stride=(4, 32, 32))
    said = check(model, dataset_of(cfg))
    assert len(said) == 1 and 'Conv3d sees every 4th frame' in said[0]
    assert 'unless the backbone chooses its frames itself' in said[0]
    assert check(model, dataset_of(cfg, frame_sampling='stride')) == []


@pytest.mark.parametrize(
    'geometry, said',
    [
        (
            dict(time_stride=2),
            'has time_stride=2, but model.backbone makes a map of 4 frames of 2 x 2 cells '
            'from 16 frames of '
            '64 x 64 pixels; set time_stride=4 there',
        ),
        (dict(cell_size=16), 'has cell_size=16, .*; set cell_size=32 there'),
        (
            dict(cell_size=16, time_stride=8),
            'has time_stride=8, cell_size=16, .*; set time_stride=4, cell_size=32 there',
        ),
    ],
)
def test_other_strides_end_the_first_step(cfg, geometry, said):
    model, dataset = model_of(cfg), dataset_of(cfg, **geometry)
    check(model, dataset)
    with pytest.raises(ValueError, match=said):
        step(model, dataset)


def test_scores_alone_have_no_geometry(cfg):
    stores = {
        name: path
        for name, path in cfg.train_dataloader.dataset.targets.items()
        if name != 'interaction_map'
    }
    assert check(model_of(cfg, slow_sampling='stride'), dataset_of(cfg, targets=stores)) == []
    model = model_of(cfg, slow_sampling='stride')
    del model.aux_heads['interaction_map']
    assert check(model, dataset_of(cfg)) == []


def test_online_teachers_are_compared_too(cfg):
    model = model_of(cfg)
    model.teachers.built = dict(interaction_map=SimpleNamespace(geometry=MapGeometry(4, 'stride')))
    with pytest.raises(
        ValueError,
        match=r"model\.teachers\.interaction_map has frame_sampling='stride', but "
        r"model\.backbone\.slow_sampling='linspace'",
    ):
        check(model, dataset_of(cfg))


def test_blending_is_refused_beside_targets(cfg):
    """Pixels and labels mix, targets would not; without auxiliary heads it stays allowed."""
    blends = dict(cfg.model.data_preprocessor, blending=dict(type='MixupBlending', num_classes=2))
    MODELS.build(
        {**cfg.model, 'data_preprocessor': blends}
    )  # ours blends targets, see test_blending
    blends['type'] = 'ActionDataPreprocessor'
    with pytest.raises(
        ValueError,
        match='blending is MixupBlending, which mixes clips and labels, but not the targets of '
        r'model\.aux_heads \(ego_score, object_score, interaction_map\); set '
        r'model\.data_preprocessor\.blending=None',
    ):
        MODELS.build({**cfg.model, 'data_preprocessor': blends})
    MODELS.build({**cfg.model, 'data_preprocessor': blends, 'aux_heads': None})


# -- what LoadTargets does not say ------------------------------------------------------------

UNSAID = dict(time_stride=None, frame_sampling=None, cell_size=None)


def loads_of(dataset):
    return next(one for one in dataset.pipeline.transforms if isinstance(one, LoadTargets))


@pytest.mark.parametrize('sampling', ['linspace', 'stride'])
def test_the_model_tells_what_the_config_does_not_say(cfg, sampling):
    model, dataset = model_of(cfg, slow_sampling=sampling), dataset_of(cfg, **UNSAID)
    assert loads_of(dataset).geometry == MapGeometry()  # without the hook
    assert check(model, dataset) == []
    assert loads_of(dataset).geometry == MapGeometry(4, sampling, 32)
    assert torch.isfinite(step(model, dataset)['loss_hand'])


def test_every_data_set_is_told_and_compared(cfg):
    first, second = dataset_of(cfg, **UNSAID), dataset_of(cfg, **UNSAID)
    model = model_of(cfg, slow_sampling='stride')
    check(model, ConcatDataset([first, second]))
    expected = MapGeometry(4, 'stride', 32)
    assert loads_of(first).geometry == loads_of(second).geometry == expected
    with pytest.raises(ValueError, match="has frame_sampling='linspace'"):
        check(model, ConcatDataset([dataset_of(cfg, frame_sampling='linspace'), second]))


def test_validation_with_maps_is_told_and_compared(cfg):
    model, validation = model_of(cfg, slow_sampling='stride'), dataset_of(cfg, **UNSAID)
    check(model, dataset_of(cfg, frame_sampling='stride'), validation)
    assert loads_of(validation).geometry == MapGeometry(4, 'stride', 32)
    with pytest.raises(ValueError, match="val_dataloader.* has frame_sampling='linspace'"):
        check(
            model,
            dataset_of(cfg, frame_sampling='stride'),
            dataset_of(cfg, frame_sampling='linspace'),
        )


def test_of_other_backbones_too(cfg):
    """A ViT has maps of tubelets of two frames, with cells of 16 pixels."""
    case = CASES['VideoMAE']
    model, dataset = build(case.ours()), dataset_of(cfg, **UNSAID)
    assert check(model, dataset) == []
    assert dataset[0]['data_samples'].interaction_map.shape == (2, 8, 4, 4)  # 16 frames, 64 pixels
    with pytest.raises(ValueError, match='VisionTransformer sees every 2th frame: of 16 frames'):
        check(model, dataset_of(cfg, time_stride=2, frame_sampling='linspace'))
    check(model, dataset_of(cfg, time_stride=2, frame_sampling='stride', cell_size=16))


def test_a_2d_recognizer_joins_clips(cfg):
    model, dataset = build(CASES['TSM'].ours()), dataset_of(cfg, **UNSAID)
    assert check(model, dataset) == []
    assert loads_of(dataset).geometry == MapGeometry(1, 'stride', 32, join_clips=True)
    with pytest.raises(ValueError, match='join_clips=False, but EgoExoRecognizer2D is a 2D recog'):
        check(model, dataset_of(cfg, join_clips=False))
    with pytest.raises(ValueError, match='join_clips=True, but EgoExoRecognizer is not a 2D recog'):
        check(model_of(cfg), dataset_of(cfg, join_clips=True))


def test_workers_that_run_already(cfg):
    """IterBasedTrainLoop makes its iterator before the first hook; workers hold a copy by then."""
    runner = SimpleNamespace(
        model=build(CASES['VideoMAE'].ours()),
        train_dataloader=SimpleNamespace(dataset=dataset_of(cfg, **UNSAID), num_workers=2),
        _train_loop=SimpleNamespace(dataloader_iterator=iter(())),
    )
    with pytest.raises(ValueError, match=r'workers have started .*set time_stride=2, frame_samp'):
        CheckTargetsHook().before_train(runner)
    runner.train_dataloader.num_workers = 0
    CheckTargetsHook().before_train(runner)


def test_strides_of_2d_recognizers_are_compared_in_the_first_step(cfg):
    case = CASES['TSM']
    model = build(case.ours())
    check(model, dataset_of(cfg, time_stride=2, frame_sampling='stride', join_clips=True))
    with pytest.raises(
        ValueError, match='has time_stride=2, .*a map of 8 frames of 2 x 2 cells from 8'
    ):
        model.loss(case.inputs(), case.samples(model))
