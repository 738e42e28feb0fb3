"""Clips per second of multi-view testing, with batches of views and with all views at once."""

from __future__ import annotations

import statistics

import measuring
import torch
from step import batch, build


def run(options: measuring.Options) -> list[dict]:
    """A row per number of views that the backbone sees at a time."""
    views, frames, crop = (
        (4, 16, 64)
        if options.quick
        else (30, 32, 256)
        if options.device == 'cuda'
        else (6, 16, 128)
    )
    model, _ = build('egoexo_slowfast_k400.py', options.device)
    model.eval()
    clips, samples, _ = batch(views, frames, crop, options.device)
    clips = clips.transpose(0, 1)  # the views of one video

    def test(limit: int | None) -> torch.Tensor:
        model.test_cfg = dict(max_testing_views=limit)
        with torch.no_grad():
            return model.predict(clips, samples[:1])[0].pred_score

    limits = [limit for limit in (1, 2, 10, None) if not limit or limit < views]
    whole = test(None)
    for limit in limits:
        torch.testing.assert_close(test(limit), whole, rtol=1e-3, atol=1e-5)
    sides = {str(limit): lambda limit=limit: test(limit) for limit in limits}
    times = measuring.in_turns(sides, options.rounds, options.device)
    return [
        {
            'views at a time': name if name != 'None' else f'all {views}',
            'clips': f'{views} x {frames} x {crop} px',
            'clips/s': views / statistics.median(spent),
            'times all at once': measuring.ratio(times, 'None', name),
        }
        for name, spent in times.items()
    ]
