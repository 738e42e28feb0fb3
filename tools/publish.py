"""Write the weights of a trained recognizer, its complete config and a model card."""

import sys

from egoexo_mm.commands.publish import main

if __name__ == '__main__':
    sys.exit(main())
