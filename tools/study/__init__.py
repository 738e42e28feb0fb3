"""Ablation studies: steps that are commands of this repository, run once, reported together."""
