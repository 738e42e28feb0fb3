"""Target stores: ``convert``, ``info``, ``verify``, ``head``, ``merge``, ``draw`` and ``rank``."""

import sys

from egoexo_mm.commands.targets import main

if __name__ == '__main__':
    sys.exit(main())
