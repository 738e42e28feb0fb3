"""``mmaction.models`` imports without mmdet; mmdet then builds and runs a Faster R-CNN."""

import re
import subprocess
import sys

import pytest
import torch

from egoexo_mm import compat
from egoexo_mm.compat import mmaction_models
from egoexo_mm.compat.mmcv_ext import compiled_ops_exist
from egoexo_mm.compat.workaround import package_dir

needs_mmdet = pytest.mark.skipif(package_dir('mmdet') is None, reason='mmdet is not installed')


@pytest.mark.skipif(compiled_ops_exist(), reason='with compiled ops mmaction2 imports mmdet itself')
def test_mmdet_is_left_alone_and_nothing_is_printed():
    script = """
import sys
from egoexo_mm import compat
compat.apply()
compat.import_mmaction_models()
from mmaction.registry import MODELS
assert 'SlowOnly' in str(MODELS.get('ResNet3dSlowOnly'))
assert 'mmdet' not in sys.modules, 'mmdet was imported'
"""
    done = subprocess.run(
        [sys.executable, '-W', 'ignore', '-c', script],
        capture_output=True,
        text=True,
        cwd=package_dir('egoexo_mm').parent,
        timeout=120,
    )
    # mmengine imports what torch 2.4 calls deprecated, whatever warnings are ignored
    printed = re.sub(r'\S+ DeprecationWarning: .*\n  .*\n', '', done.stderr)
    assert (done.returncode, done.stdout, printed) == (0, '', '')


def test_mmdet_is_hidden_inside_the_block_only(monkeypatch):
    monkeypatch.setattr(mmaction_models, 'compiled_ops_exist', lambda: False)
    monkeypatch.delitem(sys.modules, 'mmdet', raising=False)
    with pytest.raises(RuntimeError, match='inside'), mmaction_models._mmdet_hidden():
        with pytest.raises(ModuleNotFoundError):
            import mmdet  # noqa: F401
        raise RuntimeError('inside')
    assert 'mmdet' not in sys.modules


def test_an_imported_mmdet_stays(monkeypatch):
    monkeypatch.setattr(mmaction_models, 'compiled_ops_exist', lambda: False)
    marker = object()
    monkeypatch.setitem(sys.modules, 'mmdet', marker)
    with mmaction_models._mmdet_hidden():
        assert sys.modules['mmdet'] is marker
    assert sys.modules['mmdet'] is marker


def test_missing_mmaction2_is_one_sentence(monkeypatch):
    monkeypatch.setattr(mmaction_models, 'package_dir', lambda name: None)
    with pytest.raises(ImportError, match=r'needs mmaction2, .*: pip install mmaction2==1\.2\.0'):
        compat.import_mmaction_models()


def faster_rcnn():
    """A ResNet-18 C4 Faster R-CNN with small heads, 2 classes."""
    assign = dict(
        type='MaxIoUAssigner', pos_iou_thr=0.5, neg_iou_thr=0.3, min_pos_iou=0.3, ignore_iof_thr=-1
    )
    sample = dict(
        type='RandomSampler', num=32, pos_fraction=0.5, neg_pos_ub=-1, add_gt_as_proposals=True
    )
    proposals = dict(
        nms_pre=200, max_per_img=40, nms=dict(type='nms', iou_threshold=0.7), min_bbox_size=0
    )
    return dict(
        type='FasterRCNN',
        _scope_='mmdet',
        data_preprocessor=dict(type='DetDataPreprocessor'),
        backbone=dict(
            type='ResNet',
            depth=18,
            num_stages=3,
            out_indices=(2,),
            strides=(1, 2, 2),
            dilations=(1, 1, 1),
            base_channels=16,
        ),
        rpn_head=dict(
            type='RPNHead',
            in_channels=64,
            feat_channels=16,
            anchor_generator=dict(
                type='AnchorGenerator', scales=[2, 4], ratios=[1.0], strides=[16]
            ),
            bbox_coder=dict(type='DeltaXYWHBBoxCoder'),
        ),
        roi_head=dict(
            type='StandardRoIHead',
            bbox_roi_extractor=dict(
                type='SingleRoIExtractor',
                out_channels=64,
                featmap_strides=[16],
                roi_layer=dict(type='RoIAlign', output_size=7, sampling_ratio=0),
            ),
            bbox_head=dict(
                type='Shared2FCBBoxHead',
                in_channels=64,
                fc_out_channels=16,
                roi_feat_size=7,
                num_classes=2,
            ),
        ),
        train_cfg=dict(
            rpn=dict(
                assigner=assign,
                sampler=dict(sample, add_gt_as_proposals=False),
                allowed_border=-1,
                pos_weight=-1,
                debug=False,
            ),
            rpn_proposal=proposals,
            rcnn=dict(assigner=assign, sampler=sample, pos_weight=-1, debug=False),
        ),
        test_cfg=dict(
            rpn=proposals,
            rcnn=dict(
                score_thr=0.0, max_per_img=10, nms=dict(type='nms', iou_threshold=0.3, offset=1)
            ),
        ),
    )


@needs_mmdet
def test_faster_rcnn_predicts_and_trains():
    compat.apply()
    compat.import_mmaction_models()
    import mmdet.models  # noqa: F401
    from mmdet.registry import MODELS
    from mmdet.structures import DetDataSample
    from mmengine.config import ConfigDict
    from mmengine.structures import InstanceData

    torch.manual_seed(0)
    model = MODELS.build(ConfigDict(faster_rcnn()))
    sample = DetDataSample(
        metainfo=dict(
            img_shape=(96, 128),
            ori_shape=(96, 128),
            scale_factor=(1.0, 1.0),
            pad_shape=(96, 128),
            batch_input_shape=(96, 128),
        )
    )
    sample.gt_instances = InstanceData(
        bboxes=torch.tensor([[20.0, 20.0, 60.0, 70.0]]), labels=torch.tensor([1])
    )
    image = torch.rand(1, 3, 96, 128)

    losses = model(image, [sample], mode='loss')
    assert set(losses) == {'loss_rpn_cls', 'loss_rpn_bbox', 'loss_cls', 'acc', 'loss_bbox'}
    total, _ = model.parse_losses(losses)
    total.backward()
    assert torch.isfinite(total)
    # Only RoIAlign's backward brings the second stage's gradient to the backbone.
    model.zero_grad()
    losses = model(image, [sample], mode='loss')
    (losses['loss_cls'] + losses['loss_bbox']).backward()
    assert model.backbone.layer3[0].conv1.weight.grad.abs().sum() > 0

    model.eval()
    with torch.no_grad():
        found = model(image, [sample], mode='predict')[0].pred_instances
    assert found.bboxes.shape == (10, 4)
    assert torch.equal(found.scores, found.scores.sort(descending=True).values)
