"""Ablation studies: many steps, each an ordinary command of this repository, run once and reported together."""
