"""A small recognizer of every backbone of MMAction2, as its own configs build them."""

from __future__ import annotations

import copy
import inspect
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

import torch
from mmaction.models import MViTHead, ResNet
from mmaction.registry import MODELS
from mmaction.structures import ActionDataSample
from mmengine.config import Config

import egoexo_mm  # noqa: F401

ROOT = Path(__file__).parents[2]
AUX_HEADS = Config.fromfile(ROOT / 'configs/_egoexo_base_/models/aux_heads.py').aux_heads
CLASSES = 5


@dataclass
class Case:
    """A stock recognizer and the clips it takes.

    Args:
        backbone, cls_head, neck: Their configs.
        frames, size: Of a clip.
        frames_in_batch: A 2D recognizer.
        unused: Parameters that the stock recognizer never trains.
        test_cfg: Of the recognizer.
    """

    backbone: dict
    cls_head: dict
    neck: dict | None = None
    frames: int = 8
    size: int = 64
    frames_in_batch: bool = False
    unused: tuple[str, ...] = ()
    test_cfg: dict | None = None

    def stock(self) -> dict:
        """Config of MMAction2's recognizer."""
        cfg = dict(
            type='Recognizer2D' if self.frames_in_batch else 'Recognizer3D',
            backbone=self.backbone,
            cls_head=dict(dict(num_classes=CLASSES, average_clips='prob'), **self.cls_head),
            data_preprocessor=dict(
                type='ActionDataPreprocessor',
                mean=[110, 115, 120],
                std=[50, 55, 60],
                format_shape='NCHW' if self.frames_in_batch else 'NCTHW',
            ),
        )
        if self.cls_head['type'] == 'OmniHead':
            del cfg['cls_head']['num_classes']
        cfg.update({k: v for k, v in dict(neck=self.neck, test_cfg=self.test_cfg).items() if v})
        return copy.deepcopy(cfg)

    def ours(self, **changes) -> dict:
        """The same with auxiliary heads, which state no numbers of the backbone."""
        kind = 'EgoExoRecognizer2D' if self.frames_in_batch else 'EgoExoRecognizer'
        return dict(self.stock(), type=kind, aux_heads=copy.deepcopy(AUX_HEADS), **changes)

    def inputs(self, samples: int = 2, views: int = 1, seed: int = 0) -> torch.Tensor:
        """Normalised clips, or frames of all views one after the other."""
        generator = torch.Generator().manual_seed(seed)
        shape = (samples, views, 3, self.frames, self.size, self.size)
        clips = torch.randn(shape, generator=generator)
        return clips.transpose(2, 3).flatten(1, 2).contiguous() if self.frames_in_batch else clips

    def samples(self, model: torch.nn.Module, count: int = 2) -> list[ActionDataSample]:
        """Labels, and targets of the geometry that the model states."""
        geometry = model.map_geometry()
        frames = len(geometry.frames(self.frames))
        made = []
        for i in range(count):
            sample = ActionDataSample().set_gt_label(i % CLASSES)
            sample.set_field(torch.randn(2), 'ego_score')
            sample.set_field(torch.randn(1000), 'object_score')
            maps = torch.rand(2, frames, *geometry.grid((self.size, self.size)))
            sample.set_field(maps, 'interaction_map')
            made.append(sample)
        return made


def build(cfg: dict) -> torch.nn.Module:
    """Built with the same weights each time; 2D ResNets with one block in a stage."""
    torch.manual_seed(0)
    shallow = {depth: (block, (1, 1, 1, 1)) for depth, (block, _) in ResNet.arch_settings.items()}
    with mock.patch.object(ResNet, 'arch_settings', shallow):
        return MODELS.build(copy.deepcopy(cfg))


def tin_shift(x: torch.Tensor, shift: torch.Tensor) -> torch.Tensor:
    """What the compiled op of MMCV does: (N, T, C, P) moved by (N, G) frames, zeros come in."""
    moved = torch.zeros_like(x)
    frames, width = x.shape[1], x.shape[2] // shift.shape[1]
    for n, row in enumerate(shift.tolist()):
        for group, by in enumerate(int(value) for value in row):
            part = slice(group * width, (group + 1) * width)
            to, source = (
                slice(max(by, 0), frames + min(by, 0)),
                slice(max(-by, 0), frames - max(by, 0)),
            )
            moved[n, to, part] = x[n, source, part]
    return moved


def head(kind: str, channels: int, **options) -> dict:
    return dict(type=kind, in_channels=channels, **options)


def resnet3d(kind: str, **options) -> dict:
    return dict(
        dict(type=kind, depth=50, pretrained=None, base_channels=4, norm_eval=False), **options
    )


def tpn(first: int) -> dict:
    """The neck of TPN for two stages of ``first`` and twice as many channels."""
    pair = (first, 2 * first)
    return dict(
        type='TPN',
        in_channels=pair,
        out_channels=32,
        spatial_modulation_cfg=dict(in_channels=pair, out_channels=2 * first),
        temporal_modulation_cfg=dict(downsample_scales=(8, 8)),
        upsample_cfg=dict(scale_factor=(1, 1, 1)),
        downsample_cfg=dict(downsample_scale=(1, 1, 1)),
        level_fusion_cfg=dict(
            in_channels=(32, 32),
            mid_channels=(32, 32),
            out_channels=32,
            downsample_scales=((1, 1, 1), (1, 1, 1)),
        ),
        aux_head_cfg=dict(out_channels=CLASSES, loss_weight=0.5),
    )


def timesformer(attention: str, **options) -> Case:
    return Case(
        dict(
            type='TimeSformer',
            num_frames=8,
            img_size=64,
            patch_size=16,
            embed_dims=24,
            num_heads=2,
            num_transformer_layers=2,
            attention_type=attention,
        ),
        head('TimeSformerHead', 24),
        **options,
    )


def vit(**options) -> dict:
    return dict(
        dict(
            type='VisionTransformer',
            img_size=64,
            patch_size=16,
            embed_dims=24,
            depth=2,
            num_heads=2,
            num_frames=8,
        ),
        **options,
    )


def uniformerv2(**options) -> dict:
    return dict(
        dict(
            type='UniFormerV2',
            input_resolution=64,
            patch_size=16,
            width=24,
            layers=3,
            heads=2,
            t_size=8,
            dw_reduction=1.5,
            no_lmhra=False,
            double_lmhra=True,
            return_list=[1, 2],
            n_layers=2,
            n_dim=24,
            n_head=2,
            mlp_dropout=[0.5, 0.5],
            clip_pretrained=False,
        ),
        **options,
    )


def mvit(**options) -> dict:
    arch = dict(embed_dims=8, num_layers=4, num_heads=1, downscale_indices=[1, 3])
    return dict(dict(type='MViT', arch=arch, spatial_size=64, temporal_size=8), **options)


def resnet(kind: str, **options) -> dict:
    return dict(dict(type=kind, depth=18, pretrained=None, norm_eval=False), **options)


def on_frames(backbone: dict, cls_head: dict, **options) -> Case:
    return Case(backbone, cls_head, frames_in_batch=True, **options)


TSM_HEAD = dict(num_segments=8, is_shift=True, dropout_ratio=0.5)
SLOWFAST = dict(
    type='ResNet3dSlowFast',
    pretrained=None,
    resample_rate=4,
    speed_ratio=4,
    channel_ratio=4,
    slow_pathway=dict(
        type='resnet3d',
        depth=18,
        base_channels=8,
        pretrained=None,
        lateral=True,
        conv1_kernel=(1, 7, 7),
        conv1_stride_t=1,
        pool1_stride_t=1,
        inflate=(0, 0, 1, 1),
        norm_eval=False,
    ),
    fast_pathway=dict(
        type='resnet3d',
        depth=18,
        base_channels=2,
        pretrained=None,
        lateral=False,
        conv1_kernel=(5, 7, 7),
        conv1_stride_t=1,
        pool1_stride_t=1,
        norm_eval=False,
    ),
)
I3D = dict(
    conv1_kernel=(5, 7, 7),
    conv1_stride_t=2,
    pool1_stride_t=2,
    inflate=((1, 1, 1), (1, 0, 1, 0), (1, 0, 1, 0, 1, 0), (0, 1, 0)),
    zero_init_residual=False,
)
NON_LOCAL = dict(
    non_local=((0, 0, 0), (0, 1, 0, 1), (0, 1, 0, 1, 0, 1), (0, 0, 0)),
    non_local_cfg=dict(sub_sample=True, use_scale=False, norm_cfg=None, mode='dot_product'),
)
SLOWONLY = dict(lateral=False, conv1_kernel=(1, 7, 7), inflate=(0, 0, 1, 1))
SWIN = dict(embed_dims=12, depths=[1, 1, 2, 1], num_heads=[1, 1, 2, 2])
OMNI = dict(type='OmniHead', image_classes=4, video_classes=CLASSES, in_channels=2048)

# before mmaction2 1.2 its ResNets load no weights by themselves
NO_DOWNLOAD = {
    name: False for name in ('pretrained2d',) if name in inspect.signature(ResNet).parameters
}
CASES: dict[str, Case] = {
    'C2D': Case(resnet('C2D'), head('I3DHead', 512)),
    'I3D': Case(resnet3d('ResNet3d', **I3D), head('I3DHead', 128), frames=16),
    'I3D with non-local blocks': Case(
        resnet3d('ResNet3d', **I3D, **NON_LOCAL), head('I3DHead', 128), frames=16
    ),
    'SlowOnly': Case(resnet3d('ResNet3dSlowOnly', **SLOWONLY), head('I3DHead', 128)),
    'SlowFast': Case(SLOWFAST, head('SlowFastHead', 80), frames=16),
    'SlowFast of this package': Case(
        dict(SLOWFAST, type='EgoExoSlowFast'), head('SlowFastHead', 80), frames=16
    ),
    'R(2+1)D': Case(
        resnet3d(
            'ResNet2Plus1d',
            depth=18,
            conv_cfg=dict(type='Conv2plus1d'),
            conv1_stride_t=1,
            pool1_stride_t=1,
            temporal_strides=(1, 2, 2, 2),
            pretrained2d=False,
        ),
        head('I3DHead', 32),
        frames=16,
    ),
    'CSN': Case(
        resnet3d('ResNet3dCSN', with_pool2=False, bottleneck_mode='ir', pretrained2d=False),
        head('I3DHead', 128),
        frames=16,
    ),
    'X3D': Case(
        dict(type='X3D', gamma_w=1, gamma_b=2.25, gamma_d=1), head('X3DHead', 432, fc1_bias=False)
    ),
    'TPN-SlowOnly': Case(
        resnet3d('ResNet3dSlowOnly', **SLOWONLY, out_indices=(2, 3)),
        head('TPNHead', 2048),
        neck=tpn(64),
        test_cfg=dict(fcn_test=True),
    ),
    'Omni': Case(
        dict(type='OmniResNet', layers=[1, 1, 1, 1]),
        OMNI,
        unused=('cls_head.fc2d.',),  # it classifies single pictures
    ),
    'Swin': Case(
        dict(type='SwinTransformer3D', arch=SWIN, pretrained=None, window_size=(4, 4, 4)),
        head('I3DHead', 96),
    ),
    'UniFormer': Case(
        dict(type='UniFormer', depth=[1, 1, 1, 1], embed_dim=[8, 16, 16, 32], head_dim=8),
        head('I3DHead', 32),
    ),
    'VideoMAE': Case(vit(), head('TimeSformerHead', 24)),
    'VideoMAE with a norm before the mean': Case(
        vit(use_mean_pooling=False, init_values=0.1, tubelet_size=1), head('TimeSformerHead', 24)
    ),
    'VideoMAEv2': Case(vit(embed_dims=32, use_learnable_pos_emb=True), head('TimeSformerHead', 32)),
    'TimeSformer': timesformer('divided_space_time'),
    'TimeSformer joint': timesformer('joint_space_time'),
    'TimeSformer of space only': timesformer('space_only'),
    'UniFormerV2': Case(uniformerv2(), head('UniFormerHead', 24)),
    'UniFormerV2 with temporal downsampling': Case(
        uniformerv2(temporal_downsample=True), head('UniFormerHead', 24)
    ),
    'C3D': Case(
        dict(type='C3D', out_dim=2048, dropout_ratio=0.5),
        head('I3DHead', 4096, spatial_type=None),
        size=32,
        frames=16,
    ),
    'MViT': Case(mvit(), head('MViTHead', 32)),
    'TSN': on_frames(resnet('ResNet'), head('TSNHead', 512), frames=4),
    'TSM': on_frames(resnet('ResNetTSM', **NO_DOWNLOAD), head('TSMHead', 512, **TSM_HEAD)),
    'TSM with temporal pooling': on_frames(
        resnet('ResNetTSM', temporal_pool=True),
        head('TSMHead', 512, temporal_pool=True, **TSM_HEAD),
    ),
    'TSM on MobileNetV2': on_frames(
        dict(type='MobileNetV2TSM', num_segments=8, widen_factor=0.25),
        head('TSMHead', 1280, **TSM_HEAD),
    ),
    'TSN on MobileNetV2': on_frames(
        dict(type='MobileNetV2', widen_factor=0.25, out_indices=(6,)),
        head('TSNHead', 80),
        frames=4,
        unused=('backbone.conv2.',),  # it follows the last output
    ),
    'TIN': on_frames(
        resnet('ResNetTIN', shift_div=4), head('TSMHead', 512, **dict(TSM_HEAD, is_shift=False))
    ),
    'TANet': on_frames(
        resnet('TANet', depth=50, num_segments=8), head('TSMHead', 2048, **TSM_HEAD)
    ),
    'TRN': on_frames(
        resnet('ResNet'), head('TRNHead', 512, num_segments=4, hidden_dim=16), frames=4
    ),
    'TPN-TSM': on_frames(
        resnet('ResNetTSM', out_indices=(2, 3)),
        head('TPNHead', 2048),
        neck=tpn(256),
        test_cfg=dict(fcn_test=True),
    ),
}
if 'with_cls_token' in inspect.signature(MViTHead).parameters:  # from mmaction2 1.1 on
    CASES['MViT without class token'] = Case(
        mvit(with_cls_token=False, output_cls_token=False, out_scales=[1, 2]),
        head('MViTHead', 32, with_cls_token=False),
    )
