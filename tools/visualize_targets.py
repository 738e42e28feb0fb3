"""Former name of ``python tools/targets.py draw`` and ``rank``."""

import sys

from egoexo_mm.commands.targets import note_former_name
from egoexo_mm.commands.targets import visualize_targets_main as main

if __name__ == '__main__':
    note_former_name('visualize_targets', 'draw (or rank)')
    sys.exit(main())
