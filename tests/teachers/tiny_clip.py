"""A CLIP of a few thousand weights in a folder, as transformers saves one."""

from __future__ import annotations

import json
from pathlib import Path

SIZE = 32  # of its pictures
LETTERS = [chr(number) for number in range(33, 127)]
START, END = '<|startoftext|>', '<|endoftext|>'


def write_clip(
    folder: Path,
    *,
    width: int = 32,
    layers: int = 2,
    length: int = 77,
    size: int = SIZE,
    squash: bool = False,
    words: tuple[str, ...] = (),
    seed: int = 0,
):
    """Write config, weights, tokenizer and preprocessing; returns the model.

    A token is one of ``words`` or a single letter.
    """
    import torch
    from transformers import CLIPConfig, CLIPModel

    merges = [
        (word[:i], word[i] + '</w>' * (i == len(word) - 1))
        for word in words
        for i in range(1, len(word))
    ]
    pieces = [''.join(pair) for pair in merges]
    tokens = [
        *LETTERS,
        *(letter + '</w>' for letter in LETTERS),
        *dict.fromkeys(pieces),
        START,
        END,
    ]
    numbers = {token: number for number, token in enumerate(tokens)}
    sides = dict(
        hidden_size=width,
        intermediate_size=2 * width,
        num_hidden_layers=layers,
        num_attention_heads=max(2, width // 32),
    )
    config = CLIPConfig(
        text_config=dict(
            sides,
            vocab_size=len(tokens),
            max_position_embeddings=length,
            bos_token_id=numbers[START],
            eos_token_id=numbers[END],
            pad_token_id=numbers[END],
        ),
        vision_config=dict(sides, image_size=size, patch_size=8),
        projection_dim=width // 2,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = CLIPModel(config)
    model.save_pretrained(folder)
    files = {
        'vocab.json': numbers,
        'tokenizer_config.json': dict(
            tokenizer_class='CLIPTokenizer',
            bos_token=START,
            eos_token=END,
            unk_token=END,
            pad_token=END,
        ),
        'preprocessor_config.json': dict(
            image_processor_type='CLIPImageProcessor',
            size=dict(height=size, width=size) if squash else dict(shortest_edge=size),
            crop_size=dict(height=size, width=size),
            do_center_crop=not squash,
            resample=3,
            image_mean=[0.5, 0.4, 0.3],
            image_std=[0.25, 0.25, 0.2],
        ),
    }
    for name, content in files.items():
        Path(folder, name).write_text(json.dumps(content))
    rules = dict.fromkeys(map(' '.join, merges))
    Path(folder, 'merges.txt').write_text('\n'.join(['#version: 0.2', *rules, '']))
    return model.eval()
