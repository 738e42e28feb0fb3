"""Former name of ``convert_weights.py --from pyslowfast``."""

import sys

from egoexo_mm.commands.convert_weights import former_command

main = former_command('convert_pyslowfast.py', 'pyslowfast')

if __name__ == '__main__':
    sys.exit(main())
