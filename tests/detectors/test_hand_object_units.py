"""Parts of the hand-object detector against those of the original code (units.npz)."""

import numpy as np
import pytest
import torch
from hand_object_case import GOLDEN, load_config, pair_by_anchor

CFG = load_config()
from mmcv.ops import nms  # noqa: E402
from mmdet.registry import MODELS  # noqa: E402
from mmengine.registry import DefaultScope  # noqa: E402

from egoexo_mm.models.detectors import (  # noqa: E402
    CeilPoolResNet,
    HandObjectHead,
    InclusiveDeltaBoxCoder,
    ScaleImage,
)
from egoexo_mm.models.detectors.hand_object_maths import (  # noqa: E402
    enlarge_rois,
    link_hands_to_objects,
    pad_proposals,
    scaled_offset,
)

UNITS = {
    key: torch.from_numpy(array) if array.ndim else array
    for key, array in np.load(GOLDEN / 'units.npz').items()
}


@pytest.fixture(scope='module')
def rpn_head():
    with DefaultScope.overwrite_default_scope('mmdet'):
        return MODELS.build(
            dict(CFG.model.rpn_head, num_classes=1, test_cfg=CFG.model.test_cfg.rpn, train_cfg=None)
        )


def close(found, expected, atol=1e-6):
    torch.testing.assert_close(
        torch.as_tensor(found), torch.as_tensor(expected, dtype=torch.float32), atol=atol, rtol=0
    )


def test_anchors(rpn_head):
    close(rpn_head.prior_generator.base_anchors[0], UNITS['anchors'], 0)
    assert UNITS['anchors'][0].tolist() == [-84, -40, 99, 55]
    second = rpn_head.prior_generator.grid_priors([(2, 3)], device='cpu')[0][
        12:24
    ]  # x moves first, by the stride
    close(second, UNITS['anchors'] + torch.tensor([16.0, 0, 16, 0]), 0)


def test_box_decoding():
    coder = InclusiveDeltaBoxCoder()
    boxes, deltas = UNITS['decode_boxes'], UNITS['decode_deltas']
    close(coder.decode(boxes, deltas), UNITS['decode_out'], 1e-4)
    close(
        coder.decode(boxes, deltas, max_shape=UNITS['clip_im_info'][:2].tolist()),
        UNITS['clip_out'],
        1e-4,
    )
    # 10 pixels from 0 to 9: a zero delta gives 0 to 10; the scaled delta log(3) / 0.2 triples the
    # side of 10 around 5
    box = torch.tensor([[0.0, 0, 9, 9]])
    assert coder.decode(box, torch.zeros(1, 4)).tolist() == [[0, 0, 10, 10]]
    coder = InclusiveDeltaBoxCoder(target_stds=[0.1, 0.1, 0.2, 0.2])
    close(
        coder.decode(box, torch.tensor([[0, 0, 5 * np.log(3), 0]], dtype=torch.float32)),
        [[-10.0, 0, 20, 10]],
        1e-5,
    )


def test_encoding_counts_the_last_pixel():
    deltas = InclusiveDeltaBoxCoder().encode(
        torch.tensor([[0.0, 0, 9, 9]]), torch.tensor([[1.0, 0, 20, 9]])
    )
    close(deltas, [[(10.5 - 4.5) / 10, 0, np.log(2), 0]])  # sides 10 and 20


def test_proposals_with_empty_rows(rpn_head):
    found = rpn_head.predict_by_feat(
        [pair_by_anchor(UNITS['prop_cls_logits'].numpy())],
        [UNITS['prop_bbox_deltas'][None]],
        batch_img_metas=[dict(img_shape=UNITS['prop_im_info'][:2].tolist())],
    )[0]
    assert len(found) == 149
    close(pad_proposals(found.bboxes, 300), UNITS['prop_rois'][:, 1:], 1e-4)
    assert len(pad_proposals(found.bboxes, 10)) == 149


@pytest.mark.parametrize('name', ['030', '070'])
def test_nms(name):
    keep = nms(UNITS['nms_boxes'], UNITS['nms_scores'], int(name) / 100, offset=1)[1]
    assert sorted(keep.tolist()) == UNITS[f'nms_keep_{name}'].tolist()


def test_nms_keeps_a_box_at_the_threshold():
    """The original's CUDA rule (> threshold) made the published figures; its CPU rule is >=."""
    for threshold, expected in ((0.5, UNITS['nms_eq_keep_051']), (0.51, UNITS['nms_eq_keep_051'])):
        keep = nms(UNITS['nms_eq_boxes'], UNITS['nms_eq_scores'], threshold, offset=1)[1]
        assert sorted(keep.tolist()) == expected.tolist() == [0, 1, 2, 3]


def test_roi_align():
    with DefaultScope.overwrite_default_scope('mmdet'):
        extractor = MODELS.build(CFG.model.roi_head.bbox_roi_extractor)
    close(extractor([UNITS['align_input']], UNITS['align_rois']), UNITS['align_output'], 1e-5)


def test_enlarged_rois():
    rois, size = UNITS['enlarge_rois'], UNITS['clip_im_info'][:2]  # height 50, width 70
    close(enlarge_rois(rois, size[None], 0.3, swap_clip=True), UNITS['enlarge_out_030'], 1e-5)


@pytest.mark.parametrize('swap', [True, False])
def test_clip_of_enlarged_rois(swap):
    """Two images: one wide (100 x 200), one high (200 x 100); each RoI is clipped by its own."""
    rois = torch.tensor([[0.0, 80, 40, 106, 70], [1.0, 80, 40, 106, 70]])  # grows by 7.8 and 9
    found = enlarge_rois(rois, torch.tensor([[100.0, 200], [200.0, 100]]), 0.3, swap)
    close(found[:, :3], [[0, 72.2, 31], [1, 72.2, 31]], 1e-4)
    close(found[:, 3:], [[100, 79], [113.8, 79]] if swap else [[113.8, 79], [100, 79]], 1e-4)


def test_offset():
    close(scaled_offset(UNITS['offset_raw']), UNITS['offset_out'])


def test_links():
    """Tip of hand 0 (centre 5, 5): 0.03 * 10000 * (0.1, 0) = 30 to the right, at (35, 5)."""
    hands = torch.tensor([[0.0, 0, 10, 10]]).repeat(3, 1)
    offset = torch.tensor([[0.03, 0.1, 0], [0.03, 0.1, 0], [0.05, 0, 0.1]])
    objects = torch.tensor([[0.0, 40, 10, 60], [30.0, 0, 44, 10]])  # centres (5, 50) and (37, 5)
    state = torch.tensor([3, 0, 1])
    assert link_hands_to_objects(hands, state, offset, objects).tolist() == [1, -1, 0]
    assert link_hands_to_objects(hands, state, offset, objects[:0]).tolist() == [-1, -1, -1]
    assert link_hands_to_objects(hands[:0], state[:0], offset[:0], objects).tolist() == []


def test_stem_pool():
    """Windows start at the first pixel: a side of 5 gives 2 cells (padded: 3), 6 gives 3."""
    pool = CeilPoolResNet(
        depth=18, num_stages=1, strides=(1,), dilations=(1,), out_indices=(0,)
    ).maxpool
    assert pool(torch.arange(5.0)[None, None, None].expand(1, 1, 5, 5))[0, 0].tolist() == [
        [2, 4],
        [2, 4],
    ]
    assert pool(torch.arange(6.0)[None, None, None].expand(1, 1, 6, 6))[0, 0, 0].tolist() == [
        2,
        4,
        5,
    ]


def test_hand_head_reads_the_right_features():
    """Side sees the RoI itself; contact and offset see the enlarged one."""
    torch.manual_seed(0)
    head = HandObjectHead(in_channels=8).eval()
    plain, padded, other = torch.randn(3, 5, 8, 4, 4)
    first, new_plain, new_padded = head(plain, padded), head(other, padded), head(plain, other)
    assert not torch.equal(first['side'], new_plain['side']) and torch.equal(
        first['side'], new_padded['side']
    )
    for name in ('contact', 'offset'):
        assert torch.equal(first[name], new_plain[name]) and not torch.equal(
            first[name], new_padded[name]
        )


@pytest.mark.parametrize(
    'size, limit, factor',
    [
        ((240, 320), 1000, 2.5),
        ((1080, 1920), 1000, 1000 / 1920),
        ((1080, 1920), None, 600 / 1080),
        ((480, 800), 1000, 1.25),
    ],
)
def test_scale(size, limit, factor):
    results = ScaleImage(max_long_side=limit).transform(dict(img=np.zeros((*size, 3), np.uint8)))
    assert results['scale_factor'] == (factor, factor) and results['img'].dtype == np.float32
    assert results['img_shape'] == tuple(round(side * factor) for side in size)
