"""Export a recognizer to ONNX or torch.export, and compare the file with the recognizer."""

import sys

from egoexo_mm.commands.export import main

if __name__ == '__main__':
    sys.exit(main())
