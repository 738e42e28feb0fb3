"""Checkpoint files: reading, comparing, filling networks, converting and stripping.

* ``reading``: read weights without running code.
* ``writing``: write a file completely or not at all.
* ``matching``: which weights are unknown, missing or of another shape.
* ``filling``: copy all weights of a file into a network.
* ``families``: which checkpoints of other code can be converted. What they share is in
  ``converter``; their names are in ``pyslowfast``, ``videomae``, ``clip_towers`` and
  ``hand_object``.
* ``stripping``: reduce a training checkpoint to what stock MMAction2 loads.
* ``resumable``: find the newest checkpoint of a run that can be resumed.
"""
