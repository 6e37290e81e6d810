"""``python -m tongtou`` is the command ``tongtou``."""

import sys

from tongtou.cli import main

if __name__ == "__main__":
    sys.exit(main())
