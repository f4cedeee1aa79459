"""python -m homog.report [STUDY ...]: the report of a study, from its records alone."""

import sys

from homog.report import main

if __name__ == "__main__":
    sys.exit(main())
