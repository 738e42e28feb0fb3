"""Convert checkpoints of other code to the names of MMAction2 (or mmdet), or back."""

import sys

from egoexo_mm.commands.convert_weights import main

if __name__ == '__main__':
    sys.exit(main())
