"""Former name of ``python tools/targets.py convert``."""

import sys

from egoexo_mm.commands.targets import convert_targets_main as main
from egoexo_mm.commands.targets import note_former_name

if __name__ == '__main__':
    note_former_name('convert_targets', 'convert')
    sys.exit(main())
