"""CLIP-type models, which place pictures and texts in one space, from two libraries.

A library is imported when one of its models is asked for and not before.

Shape legend: ``k`` texts, ``n`` pictures of ``h x w`` pixels, ``D`` dimensions of the common space.
"""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

import torch
from mmengine.logging import MMLogger
from torch import Tensor, nn

from egoexo_mm.checkpoints.filling import fill
from egoexo_mm.checkpoints.reading import read_weights, sha256_of
from egoexo_mm.checks import check_choice, first_line
from egoexo_mm.untrusted import quote_names, shorten

from .classifiers import import_library
from .frame_preprocessor import FramePreprocessor

# Packages, and the rest of the message where they are missing.
_INSTALL = dict(
    transformers=('transformers', " (5.24.0 was tried), or take kind='open_clip'"),
    open_clip=('open_clip_torch', " (3.3.0 was tried), or take kind='transformers'"),
)
_INTERPOLATIONS = {2: 'bilinear', 3: 'bicubic'}  # numbers of PIL
_DOWNLOAD = 'download it where there is a network and set checkpoint'
_WEIGHTS = ('model.safetensors', 'pytorch_model.bin')


@dataclasses.dataclass(frozen=True)
class TextImageModel:
    """Parts of a model.

    Attributes:
        images: (n, 3, h, w) prepared frames -> (n, D) features, not normalised.
        texts: Texts -> (k, D) features, not normalised.
        scale: By which the cosine of a picture and a text is multiplied.
        frames: Makes prepared frames.
        name: For manifests.
        weights_sha256: Of the file of weights, where there is one.
        settings: What is not told by name and weights, see :meth:`Teacher.row_settings`.
    """

    images: nn.Module
    texts: Callable[[list[str]], Tensor]
    scale: float
    frames: FramePreprocessor
    name: str
    weights_sha256: str | None = None
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)


def load_text_image_model(
    *,
    kind: str = 'transformers',
    name: str | None = None,
    checkpoint: str | None = None,
    pretrained: bool | str = True,
) -> TextImageModel:
    """A CLIP-type model.

    Args:
        kind: ``'transformers'`` (CLIP, SigLIP and others with a ``vision_model``) or
            ``'open_clip'``.
        name: transformers: name on the Hugging Face hub, such as ``openai/clip-vit-base-patch32``,
            which is downloaded. open_clip: name of the network, such as ``ViT-B-32``.
        checkpoint: transformers: a folder of such a model, nothing is downloaded. open_clip: file
            of the weights.
        pretrained: open_clip: tag of the weights, which are downloaded. With ``checkpoint`` they
            come from the file, and the tag tells how frames are prepared; it is needed where the
            tags of the network differ in that. False: random weights (transformers: of the
            ``config.json`` in ``checkpoint``).

    Raises:
        ImportError: The library is missing or does not import.
        ValueError: For an unknown kind or name, or weights that are missing or do not fit.
    """
    check_choice('kind of text-image model', kind, _KINDS)
    if not (name or checkpoint and kind == 'transformers'):
        needed = (
            "name='openai/clip-vit-base-patch32' or checkpoint='FOLDER'"
            if kind == 'transformers'
            else "name='ViT-B-32'"
        )
        raise ValueError(f'kind {kind!r} needs a model, such as {needed}')
    if not pretrained:
        MMLogger.get_current_instance().warning(
            f'{kind} {name or checkpoint} has random weights; its scores mean nothing'
        )
    return _KINDS[kind](name, checkpoint, pretrained)


# --- transformers


class _VisionModel(nn.Module):
    """The image side of a model of transformers."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.vision_model = network.vision_model
        self.visual_projection = getattr(network, 'visual_projection', nn.Identity())

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, D) of (n, 3, h, w)."""
        return self.visual_projection(self.vision_model(pixel_values=pixels).pooler_output)


def _transformers(
    name: str | None, checkpoint: str | None, pretrained: bool | str
) -> TextImageModel:
    if checkpoint and not Path(checkpoint, 'config.json').is_file():
        raise ValueError(
            f'{checkpoint}: expected a folder with config.json, a tokenizer and weights, as '
            'save_pretrained of transformers or a clone of a model from the Hugging Face hub'
        )
    source = checkpoint or name
    network, tokenizer, options = _read_transformers(source, bool(checkpoint), bool(pretrained))
    # SigLIP was trained on texts that are padded to its full length, without a mask.
    full = 'siglip' in network.config.model_type

    def texts(sentences: list[str]) -> Tensor:
        tokens = tokenizer(
            sentences,
            padding='max_length' if full else True,
            truncation=True,
            max_length=network.config.text_config.max_position_embeddings,
            return_tensors='pt',
        )
        given = dict(input_ids=tokens.input_ids) if full else tokens
        found = network.get_text_features(**given)
        return found if isinstance(found, Tensor) else found.pooler_output  # from release 5 on

    weights = [Path(source, file) for file in _WEIGHTS if checkpoint and pretrained]
    return TextImageModel(
        images=_VisionModel(network),
        texts=texts,
        scale=network.logit_scale.exp().item(),
        frames=_transformers_frames(source, options),
        name=f'transformers {Path(source).name if checkpoint else source}',
        weights_sha256=next((sha256_of(path) for path in weights if path.is_file()), None),
    )


def _read_transformers(
    source: str, is_local: bool, pretrained: bool
) -> tuple[nn.Module, Callable[..., Any], dict[str, Any]]:
    """Network, tokenizer and content of ``preprocessor_config.json``."""
    # With more than one thread its tokenizers warn of every data worker that is forked.
    os.environ.setdefault('TOKENIZERS_PARALLELISM', 'false')
    library = import_library('transformers', *_INSTALL['transformers'])
    local, report = dict(local_files_only=is_local), {}
    try:
        if pretrained:
            network, report = library.AutoModel.from_pretrained(
                source, output_loading_info=True, **local
            )
        else:
            config = library.AutoConfig.from_pretrained(source, **local)
            network = library.AutoModel.from_config(config)
        tokenizer = library.AutoTokenizer.from_pretrained(source, **local)
        from transformers.image_processing_base import ImageProcessingMixin

        options, _ = ImageProcessingMixin.get_image_processor_dict(source, **local)
    except ImportError as error:  # its lazy modules import torchvision where that is installed
        raise ImportError(
            f'transformers {source}: does not import ({first_line(error)}); see whether '
            '`import torchvision` works: remove it or install the release for torch '
            f'{torch.__version__}'
        ) from None
    except Exception as error:  # the library, the hub and safetensors have their own
        raise _unavailable('transformers', source, error) from error
    if missing := sorted(report.get('missing_keys', ())):
        raise ValueError(
            f'transformers {source}: has no weights for {quote_names(missing, 3)}; expected those '
            f'of a {type(network).__name__}'
        )
    if not all(hasattr(network, part) for part in ('vision_model', 'get_text_features')):
        raise ValueError(
            f'transformers {source}: is a {type(network).__name__}, expected a model with images '
            'and texts, such as CLIPModel or SiglipModel'
        )
    return network.float().eval(), tokenizer, options  # release 5 keeps the file's float16


def _transformers_frames(source: str, options: dict[str, Any]) -> FramePreprocessor:
    """From ``preprocessor_config.json``."""
    size, crop = options.get('size'), options.get('crop_size')
    size = size if isinstance(size, dict) else dict(shortest_edge=size)
    crop = crop if isinstance(crop, dict) else dict(height=crop, width=crop)
    if 'shortest_edge' in size:
        resize, geometry = size['shortest_edge'], 'short'
        side = crop['height'] if options.get('do_center_crop', True) else None
    else:  # SigLIP: both sides, no crop
        resize = side = size.get('height')
        geometry = 'squash'
        crop = dict(height=side, width=size.get('width'))
    interpolation = _INTERPOLATIONS.get(options.get('resample', 3))
    scale = [options.get(key) for key in ('image_mean', 'image_std')]
    if not (side and resize and side == crop['width'] and interpolation and all(scale)):
        raise ValueError(
            f'transformers {source}: frames are prepared with size {size}, crop_size {crop}, '
            f'resample {options.get("resample")}, mean and std {scale}, expected a square, all of '
            'these, and resample 2 or 3; take another model'
        )
    return FramePreprocessor(
        size=side,
        resize=resize,
        geometry=geometry,
        interpolation=interpolation,
        antialias=True,
        mean=[255 * value for value in scale[0]],
        std=[255 * value for value in scale[1]],
    )


# --- open_clip

# What the tags of one network differ in, besides quick_gelu, its activation.
_PREPROCESSING = ('mean', 'std', 'interpolation', 'resize_mode')


class _OpenClipImages(nn.Module):
    """The image side of a network of open_clip; some give more than the feature."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.visual = network.visual
        self._encode = network.encode_image  # runs `visual`; the texts' side is no part of this

    def forward(self, pixels: Tensor) -> Tensor:
        """(n, D) of (n, 3, h, w)."""
        return self._encode(pixels, normalize=False)


def _open_clip(name: str, checkpoint: str | None, pretrained: bool | str) -> TextImageModel:
    library = import_library('open_clip', *_INSTALL['open_clip'])
    if ':' not in name and name not in library.list_models():
        raise ValueError(f'open_clip has no network {name!r}; see open_clip.list_models()')
    tags = library.list_pretrained_tags_by_model(name)
    tag = pretrained if isinstance(pretrained, str) else None
    if tag and ':' not in name and not library.is_pretrained_cfg(name, tag):
        raise ValueError(
            f'open_clip {name} has no weights with tag {tag!r}; set pretrained to one of '
            f'{quote_names(tags) or "none"}'
        )
    if not checkpoint and pretrained is True:
        raise ValueError(
            f'open_clip {name}: set checkpoint to a file of weights, or pretrained to a tag that '
            f'is downloaded (it has {quote_names(tags) or "none"})'
        )
    known = _known_of_weights(library, name, tags if checkpoint and not tag else [tag])
    quick_gelu = known.pop('quick_gelu', False)
    source: dict[str, Any] = dict(pretrained=tag, load_weights=bool(tag))
    if checkpoint:  # open_clip downloads the weights of a tag even where it does not load them
        source = dict(pretrained=None, load_weights=False, force_preprocess_cfg=known)
    try:
        network = library.create_model(name, force_quick_gelu=quick_gelu, **source)
        tokenize = library.get_tokenizer(name)
    except Exception as error:  # each of its sources of weights has its own errors
        advice = f'{_DOWNLOAD} beside pretrained={tag!r}' if tag else _DOWNLOAD
        if checkpoint:  # then it is the tokenizer that is not there
            advice = 'run once where there is a network, and copy its cache (HF_HOME)'
        raise _unavailable('open_clip', name, error, advice) from error
    sha256 = None
    if checkpoint:
        weights, sha256 = read_weights(checkpoint)
        fill(network, weights, checkpoint, f'a checkpoint of open_clip {name}')
    options = library.get_model_preprocess_cfg(network)
    return TextImageModel(
        images=_OpenClipImages(network.float().eval()),
        texts=lambda sentences: network.encode_text(tokenize(sentences)),
        scale=network.logit_scale.exp().item(),
        frames=_open_clip_frames(name, options),
        name=f'open_clip {name}' + (f', {tag}' if tag and not checkpoint else ''),
        weights_sha256=sha256,
        settings={key: options[key] for key in _PREPROCESSING} | dict(quick_gelu=quick_gelu),
    )


def _known_of_weights(library: ModuleType, name: str, tags: Sequence[str | None]) -> dict[str, Any]:
    """What open_clip knows of the weights of these tags, which must agree; of no tag nothing."""
    groups: dict[str, list[str]] = {}
    for tag in filter(None, tags):
        options = library.get_pretrained_cfg(name, tag)
        known = {key: options[key] for key in _PREPROCESSING if options.get(key) is not None}
        known['quick_gelu'] = bool(options.get('quick_gelu'))
        groups.setdefault(repr(known), []).append(tag)
    if len(groups) > 1:
        listed = '; '.join(quote_names(group, 4) for group in groups.values())
        raise ValueError(
            f'open_clip {name}: its weights differ in preprocessing or activation; set pretrained '
            f'to the tag of those in checkpoint ({listed})'
        )
    return known if groups else {}


def _open_clip_frames(name: str, options: dict[str, Any]) -> FramePreprocessor:
    size, mode = options['size'], options['resize_mode']
    height, width = (size, size) if isinstance(size, int) else size
    if height != width or mode not in ('shortest', 'squash'):
        raise ValueError(
            f'open_clip {name}: takes {size} with resize_mode {mode!r}, expected a square and '
            "'shortest' or 'squash'; take another network"
        )
    return FramePreprocessor(
        size=height,
        resize=height,
        geometry=dict(shortest='short').get(mode, mode),
        interpolation=options['interpolation'],
        antialias=True,
        mean=[255 * value for value in options['mean']],
        std=[255 * value for value in options['std']],
    )


def _unavailable(
    kind: str, source: str | None, error: Exception, advice: str = _DOWNLOAD
) -> ValueError:
    reason = shorten(f'{type(error).__name__}: {first_line(error)}')
    return ValueError(f'{kind} {source}: cannot be had ({reason}); {advice}')


_KINDS: dict[str, Callable[..., TextImageModel]] = dict(
    transformers=_transformers, open_clip=_open_clip
)
