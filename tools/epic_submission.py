"""Write a submission to the EPIC-KITCHENS-100 action recognition challenge, or check one."""

import sys

from egoexo_mm.commands.epic_submission import main

if __name__ == '__main__':
    sys.exit(main())
