"""Former name of ``convert_weights.py --from hand_object``."""

import sys

from egoexo_mm.commands.convert_weights import former_command

main = former_command('convert_hand_object_weights.py', 'hand_object')

if __name__ == '__main__':
    sys.exit(main())
