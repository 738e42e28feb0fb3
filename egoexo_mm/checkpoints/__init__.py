"""Checkpoint files: reading, comparing, filling networks, converting and stripping.

* ``files``: read weights without running code, write a file completely or not at all.
* ``matching``: which weights are unknown, missing or of another shape.
* ``filling``: copy all weights of a file into a network.
* ``converter``: what a family of foreign checkpoints implements; ``families`` lists them.
  ``pyslowfast`` and ``hand_object`` are two.
* ``stripping``: reduce a training checkpoint to what stock MMAction2 loads.
* ``resumable``: find the newest checkpoint of a run that can be resumed.
"""
