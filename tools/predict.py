"""Predict videos with a config and a checkpoint: labels, timelines, features, drawn videos."""

import sys

import egoexo_mm  # noqa: F401  (registers the package and applies its workarounds)
from egoexo_mm.commands.predict import main

if __name__ == '__main__':
    sys.exit(main())
