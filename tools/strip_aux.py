"""Reduce a training checkpoint to what stock MMAction2 loads: the backbone and the class head."""

import sys

from egoexo_mm.commands.strip_aux import main

if __name__ == '__main__':
    sys.exit(main())
