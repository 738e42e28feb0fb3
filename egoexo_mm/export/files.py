"""Writing ONNX and ``torch.export`` files, and computing their outputs."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable, Sequence
from inspect import signature
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from .scorer import ClipScorer

OPSET = 17
TOLERANCE = 1e-4
# of the largest score: random weights give 400 classes 0.0025 each, where 1e-4 would be a lot
RELATIVE_TOLERANCE = 1e-3
BATCHES = (1, 2, 3)
INPUT = 'clips'
DESCRIPTION = 'egoexo_mm'  # of the file's own metadata
_MORE = 4096  # clips of a batch, for torch.export

Run = Callable[[Tensor], Sequence[Tensor]]


def describe(scorer: ClipScorer, shape: tuple[int, int], **more: object) -> dict:
    """What a user of the file must know, in JSON's types."""
    frames, size = shape
    return dict(
        input=scorer.pixels,
        shape=['batch', 3, frames, size, size],
        outputs=scorer.outputs,
        activation=scorer.activation,
        ensemble=scorer.ensemble,
        **more,
    )


def example(scorer: ClipScorer, clips: Tensor) -> Tensor:
    """RGB clips (N, 3, T, H, W) uint8 as the exported function takes them."""
    if scorer.pixels == 'normalized':
        return scorer.normalize(clips)
    return clips.float() if scorer.pixels == 'float' else clips


def random_clips(count: int, shape: tuple[int, int]) -> Tensor:
    """Clips (N, 3, T, H, W) uint8: coarse patterns that move, each with its own noise."""
    generator = torch.Generator().manual_seed(count)
    frames, size = shape
    coarse = torch.rand(count, 3, 3, 4, 4, generator=generator)
    clips = torch.nn.functional.interpolate(coarse, (frames, size, size), mode='trilinear')
    clips = clips * 235 + 20 * torch.rand(clips.shape, generator=generator)
    return clips.byte()


def write_onnx(scorer: ClipScorer, path: str | Path, clips: Tensor, description: dict) -> None:
    """Write an ONNX file with a dynamic batch.

    It is made by tracing, which every torch from 2.0 can and which takes seconds. The exporter
    through ``torch.export`` gives the same outputs and takes many times as long.

    Args:
        scorer: To export.
        path: To write.
        clips: Two clips or more, see :func:`example`.
        description: Kept in the file's metadata.
    """
    import onnx

    options = dict(dynamo=False) if 'dynamo' in signature(torch.onnx.export).parameters else {}
    with torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter('ignore')  # sizes of clips are constants, as they should be
        torch.onnx.export(
            scorer,
            (clips,),
            str(path),
            input_names=[INPUT],
            output_names=scorer.outputs,
            dynamic_axes={name: {0: 'batch'} for name in (INPUT, *scorer.outputs)},
            opset_version=OPSET,
            **options,
        )
    model = onnx.load(str(path))
    onnx.checker.check_model(model)
    onnx.helper.set_model_props(model, {DESCRIPTION: json.dumps(description)})
    onnx.save(model, str(path))


def onnx_runner(path: str | Path) -> Run:
    """Computes the outputs of an ONNX file with onnxruntime, on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    session = onnxruntime.InferenceSession(str(path), options, providers=['CPUExecutionProvider'])

    def run(clips: Tensor) -> list[Tensor]:
        return [torch.from_numpy(np.asarray(x)) for x in session.run(None, {INPUT: clips.numpy()})]

    return run


def write_pt2(scorer: ClipScorer, path: str | Path, clips: Tensor, description: dict) -> None:
    """Write a ``torch.export`` file with a dynamic batch; arguments as of :func:`write_onnx`."""
    batch = torch.export.Dim('batch', min=1, max=_MORE)
    with torch.no_grad():
        program = torch.export.export(scorer, (clips,), dynamic_shapes=({0: batch},), strict=False)
    torch.export.save(program, str(path), extra_files={DESCRIPTION: json.dumps(description)})


def pt2_runner(path: str | Path) -> Run:
    """Computes the outputs of a ``torch.export`` file."""
    return torch.no_grad()(torch.export.load(str(path)).module())


def largest_difference(
    run: Run, scorer: ClipScorer, shape: tuple[int, int], batches: Sequence[int] | None = None
) -> tuple[float, float]:
    """How far a file is from the recognizer, over batches of several sizes.

    Args:
        run: Computes the outputs of the file.
        scorer: What was exported.
        shape: Frames and pixels of the clips.
        batches: Clips of each batch; None: ``BATCHES``.

    Returns:
        The largest difference of any output, and the largest class score.

    Raises:
        ValueError: The file takes no such batch, or gives outputs of another shape or NaN.
    """
    difference = top = 0.0
    for count in batches or BATCHES:
        clips = random_clips(count, shape)
        expected = scorer.expected(clips)
        try:
            found = run(example(scorer, clips))
        except Exception as error:  # onnxruntime and torch have many
            raise ValueError(f'it takes no batch of {count}: {str(error)[:300]}') from None
        for name, ours, theirs in zip(scorer.outputs, expected, found):
            if ours.shape != theirs.shape:
                raise ValueError(
                    f'its {name} of {count} clips is {tuple(theirs.shape)}, expected '
                    f'{tuple(ours.shape)}'
                )
            apart = float((ours - theirs).abs().max())
            if not apart < float('inf'):
                raise ValueError(f'its {name} of {count} clips has values that are not finite')
            difference = max(difference, apart)
        top = max(top, float(expected[0].abs().max()))
    return difference, top


def agrees(difference: float, top: float) -> bool:
    """Whether a difference is within ``TOLERANCE``, and small beside the largest score."""
    return difference <= min(TOLERANCE, RELATIVE_TOLERANCE * top)
