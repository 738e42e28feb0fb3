"""Exported files score as the recognizer's own ``test_step``."""

import json
import re

import pytest
import torch
from mmengine.config import Config

from egoexo_mm.commands.export import export, main
from egoexo_mm.export import files
from egoexo_mm.export.scorer import ClipScorer, clip_shape, load_recognizer
from tests.models.backbone_cases import CASES, ROOT, build

OURS = dict(type='EgoExoDataPreprocessor', mean=[110, 115, 120], std=[50, 55, 60])
EPIC = dict(type='VerbNounHead', num_verbs=4, num_nouns=6, in_channels=80, init_std=1.0)
CHARADES = dict(
    type='ViewEnsembleHead',
    num_classes=5,
    in_channels=80,
    multi_class=True,
    loss_cls=dict(type='BCELossWithLogits'),
    activation='sigmoid',
    ensemble='max',
)
HEAD_STD = {'SlowOnly': 0.01}  # its features are large
FAMILIES = ('SlowFast of this package', 'SlowOnly', 'Swin', 'MViT', 'VideoMAE', 'UniFormerV2')


def scorer(case, pixels='uint8', maps=True, **changes):
    """Of a small recognizer, whose scores differ from clip to clip."""
    model = build(dict(CASES[case].ours(), **changes))
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if name.startswith('cls_head') and parameter.dim() == 2:
                parameter.normal_(std=HEAD_STD.get(case, 0.5))
    return ClipScorer(model, pixels=pixels, maps=maps)


def shape(case):
    return CASES[case].frames, CASES[case].size


def exported(one, case, path):
    """Write, and compare; the spread of the scores shows that the comparison could fail."""
    onnx = path.suffix == '.onnx'
    write, runner = (
        (files.write_onnx, files.onnx_runner) if onnx else (files.write_pt2, files.pt2_runner)
    )
    clips = files.example(one, files.random_clips(2, shape(case)))
    write(one, path, clips, files.describe(one, shape(case)))
    run = runner(path)
    difference, top = files.largest_difference(run, one, shape(case))
    scores = one.expected(files.random_clips(3, shape(case)))[0]
    assert scores.std(0).max() > 100 * files.TOLERANCE
    assert files.agrees(difference, top), (difference, top)
    return run


@pytest.fixture
def onnx():
    pytest.importorskip('onnx', reason='onnx is not installed')
    pytest.importorskip('onnxruntime', reason='onnxruntime is not installed')


@pytest.mark.parametrize('pixels', ['uint8', 'float', 'normalized'])
def test_inputs_with_and_without_normalisation(tmp_path, onnx, pixels):
    bgr = dict(data_preprocessor=dict(OURS, channel_order='bgr', format_shape='NCTHW'))
    one = scorer('VideoMAE', pixels, **bgr)
    assert one.outputs == ['scores', 'interaction_map']
    run = exported(one, 'VideoMAE', tmp_path / 'a.onnx')
    scores, maps = run(files.example(one, files.random_clips(4, shape('VideoMAE'))))
    assert scores.shape == (4, 5) and maps.shape == (4, 2, 4, 4, 4)
    assert torch.allclose(scores.sum(1), torch.ones(4)) and 0 <= maps.min() < maps.max() <= 1


@pytest.mark.parametrize('head', [EPIC, CHARADES], ids=['verb and noun', 'multi-label'])
def test_heads_of_the_data_sets(tmp_path, onnx, head):
    case = 'SlowFast of this package'
    one = scorer(case, cls_head=head, maps=False)
    names = ['verb', 'noun'] if head is EPIC else ['scores']
    assert one.outputs == names
    assert (one.activation, one.ensemble) == (
        ('softmax', 'mean') if head is EPIC else ('sigmoid', 'max')
    )
    exported(one, case, tmp_path / 'a.onnx')


def test_a_2d_recognizer(tmp_path, onnx):
    one = scorer('TSM')
    exported(one, 'TSM', tmp_path / 'a.onnx')


def test_views_in_the_backbone_at_a_time_are_no_constant(tmp_path, onnx):
    """``max_testing_views=1`` cuts a batch in a loop, which tracing would keep as it was."""
    one = scorer('VideoMAE', test_cfg=dict(max_testing_views=1))
    exported(one, 'VideoMAE', tmp_path / 'a.onnx')
    assert one.model.test_cfg == dict(max_testing_views=1)


def test_torch_export(tmp_path):
    one = scorer('VideoMAE')
    exported(one, 'VideoMAE', tmp_path / 'a.pt2')
    extra = {files.DESCRIPTION: ''}
    torch.export.load(str(tmp_path / 'a.pt2'), extra_files=extra)
    described = json.loads(extra[files.DESCRIPTION])
    assert described['shape'] == ['batch', 3, 8, 64, 64]
    assert described['outputs'] == ['scores', 'interaction_map']


@pytest.mark.slow
@pytest.mark.parametrize('suffix', ['.onnx', '.pt2'])
@pytest.mark.parametrize('case', [*FAMILIES, 'TSM'])
def test_every_family_of_students(tmp_path, onnx, case, suffix):
    exported(scorer(case), case, tmp_path / f'a{suffix}')


SHIPPED = {  # outputs, and pixels where the network takes other sizes than its config's, for speed
    'egoexo_slowfast_k400.py': (['scores', 'interaction_map'], 128),
    'egoexo_slowonly_k400.py': (['scores', 'interaction_map'], 128),
    'egoexo_tsm_r50_k400.py': (['scores', 'interaction_map'], 128),
    'finetune/epic100/egoexo_slowfast_r50_epic100.py': (['verb', 'noun'], 128),
    'finetune/charades_ego/egoexo_slowonly_r50_charades_ego.py': (['scores'], 128),
    'egoexo_swin_tiny_k400.py': (['scores', 'interaction_map'], 128),
    'egoexo_mvit_small_k400.py': (['scores', 'interaction_map'], None),
    'egoexo_vit_small_k400.py': (['scores', 'interaction_map'], None),
    'egoexo_uniformerv2_base_k400.py': (['scores', 'interaction_map'], None),
}


@pytest.mark.slow
@pytest.mark.parametrize('config', SHIPPED)
def test_shipped_configs(tmp_path, onnx, config, capsys, monkeypatch):
    """The full networks with random weights; the command compares."""
    monkeypatch.setattr(files, 'BATCHES', (1, 3))
    outputs, size = SHIPPED[config]
    described = export(
        str(ROOT / 'configs' / config),
        'none',
        tmp_path / 'a.onnx',
        maps='interaction_map' in outputs,
        pixels='float',
        size=size,
    )
    assert described['outputs'] == outputs
    said = capsys.readouterr().out
    with capsys.disabled():
        print(config, said)


class Wrong(torch.nn.Module):
    """A file that gives other scores, or takes one clip only."""

    def __init__(self, one, by):
        super().__init__()
        self.one, self.by = one, by

    def forward(self, clips):
        if self.by == 'batch' and len(clips) != 2:
            raise RuntimeError('Got invalid dimensions')
        scores, *others = (x.clone() for x in self.one.expected(clips))
        scores[0, 0] += self.by if self.by != 'batch' else 0
        return [scores, *others]


def test_what_differs_is_found():
    one = scorer('VideoMAE')
    size = shape('VideoMAE')
    found = [files.largest_difference(Wrong(one, by), one, size)[0] for by in (0.0, 5e-4)]
    assert found == pytest.approx([0, 5e-4], abs=1e-6)
    with pytest.raises(ValueError, match='takes no batch of 1: Got invalid dimensions'):
        files.largest_difference(Wrong(one, 'batch'), one, size)
    with pytest.raises(ValueError, match='scores of 1 clips has values that are not finite'):
        files.largest_difference(Wrong(one, float('nan')), one, size)
    assert files.agrees(0.9e-4, 1.0) and not files.agrees(1.1e-4, 1.0)
    assert not files.agrees(3e-6, 0.0025)  # scores of 400 classes and random weights


def config_file(folder, head=None):
    """A config whose test pipeline tells frames and size, and a checkpoint."""
    case = CASES['VideoMAE']
    cfg = Config(
        dict(
            model=dict(case.ours(), cls_head=head or case.stock()['cls_head']),
            test_dataloader=dict(
                dataset=dict(
                    pipeline=[
                        dict(type='SampleFrames', clip_len=8, num_clips=2),
                        dict(type='Resize', scale=(-1, 72)),
                        dict(type='ThreeCrop', crop_size=64),
                    ]
                )
            ),
        )
    )
    cfg.dump(folder / 'c.py')
    model = build(cfg.model)
    torch.save(dict(state_dict=model.state_dict(), meta={}), folder / 'c.pth')
    return str(folder / 'c.py'), str(folder / 'c.pth')


def test_the_command(tmp_path, onnx, capsys):
    config, checkpoint = config_file(tmp_path)
    assert main([config, checkpoint, str(tmp_path / 'o.onnx'), '--maps']) == 0
    said = capsys.readouterr().out
    assert 'clips: ["batch", 3, 8, 64, 64] uint8 -> scores, interaction_map' in said
    assert 'softmax scores of one view each; of several views of a video take the mean' in said
    assert 'opset 17), batches of 1, 2, 3: ' in said
    import onnx

    props = {p.key: p.value for p in onnx.load(tmp_path / 'o.onnx').metadata_props}
    assert json.loads(props['egoexo_mm'])['config'] == 'c.py'


def test_the_code_of_the_page_runs(tmp_path, onnx, capsys, monkeypatch):
    one = scorer('VideoMAE')
    exported(one, 'VideoMAE', tmp_path / 'model.onnx')
    monkeypatch.chdir(tmp_path)
    text = (ROOT / 'docs' / 'export.md').read_text(encoding='utf-8')
    example, smaller = re.findall('```python\n(.*?)```', text, re.DOTALL)
    scope = {}
    exec(example, scope)
    clips = torch.from_numpy(scope['clips'])
    assert torch.allclose(torch.from_numpy(scope['scores']), one.expected(clips)[0], atol=1e-5)
    assert scope['maps'][0].shape == (5, 2, 4, 4, 4)
    assert "'ensemble': 'mean'" in capsys.readouterr().out
    exec(smaller, scope)
    assert (tmp_path / 'model_int8.onnx').stat().st_size > 0


def test_a_wrong_file_is_not_kept(tmp_path, onnx, capsys, monkeypatch):
    config, checkpoint = config_file(tmp_path)
    write = files.write_onnx

    def write_another(one, path, clips, description):
        with torch.no_grad():
            one.model.cls_head.fc_cls.bias[0] += 0.5
            write(one, path, clips, description)
            one.model.cls_head.fc_cls.bias[0] -= 0.5

    monkeypatch.setattr(files, 'write_onnx', write_another)
    (tmp_path / 'o.onnx').write_text('the former one')
    assert main([config, checkpoint, str(tmp_path / 'o.onnx')]) == 1
    said = capsys.readouterr().err
    assert 'o.onnx: not kept, its outputs differ by up to' in said and 'expected at most' in said
    assert (tmp_path / 'o.onnx').read_text() == 'the former one'
    assert {path.name for path in tmp_path.iterdir()} == {'c.py', 'c.pth', 'o.onnx'}


def test_what_cannot_be_exported(tmp_path, capsys):
    config, checkpoint = config_file(tmp_path)
    out = str(tmp_path / 'o.pt2')
    with pytest.raises(SystemExit):
        main([config, checkpoint, str(tmp_path / 'o.tflite')])
    assert 'must end in .onnx or .pt2' in capsys.readouterr().err
    weights = torch.load(checkpoint)['state_dict']
    for prefix, said in (('aux_heads.interaction', 'c.pth, aux_heads'), ('backbone', 'c.pth: ')):
        kept = {name: w for name, w in weights.items() if not name.startswith(prefix)}
        torch.save(dict(state_dict=kept), checkpoint)
        assert main([config, checkpoint, out, '--maps']) == 1
        error = capsys.readouterr().err
        assert said in error and 'missing key' in error and error.count('\n') == 1
    with pytest.raises(ValueError, match='no InteractionMapHead'):
        ClipScorer(build(CASES['SlowOnly'].stock()), maps=True)


def test_clip_shapes_of_shipped_configs():
    for name, expected in (
        ('egoexo_slowfast_k400.py', (32, 256)),
        ('egoexo_tsm_r50_k400.py', (8, 224)),
        ('finetune/epic100/vit_base_epic100.py', (16, 224)),
    ):
        cfg = Config.fromfile(ROOT / 'configs' / name)
        assert clip_shape(cfg) == expected
        assert clip_shape(cfg, 4, 32) == (4, 32)
    with pytest.raises(ValueError, match='give --frames and --size'):
        clip_shape(Config(dict(model=dict(type='Recognizer3D'))))


def test_random_weights_are_allowed():
    cfg = Config(dict(model=CASES['VideoMAE'].ours()))
    assert load_recognizer(cfg, 'none', maps=True).aux_heads
