"""``python -m sdist_ray``, and the sdist-ray command."""

import sys


def start() -> None:
    """The command. Its modules take a second or two to load, and who stops it then wants no traceback."""
    try:
        from sdist_ray.cli import entry
    except KeyboardInterrupt:
        print("sdist-ray: interrupted; no results were written", file=sys.stderr)
        sys.exit(130)
    entry()


if __name__ == "__main__":
    start()
