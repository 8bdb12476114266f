"""``python -m sdist_ray``: the same as the sdist-ray command."""

import sys

from sdist_ray.cli import main

if __name__ == "__main__":
    sys.exit(main())
