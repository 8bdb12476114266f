"""``python -m sdist_ray``, and the sdist-ray command."""

import os
import sys

from sdist_ray.usage import answer


def start() -> None:
    """The command. Its modules take a second or two to load, and who stops it then wants no traceback."""
    if (told := answer(sys.argv[1:])) is not None:
        print(told, end="")
        return
    # What is wrong with a video is said once, and by us.
    os.environ.setdefault("OPENCV_LOG_LEVEL", "ERROR")
    try:
        from sdist_ray.cli import entry
    except KeyboardInterrupt:
        print("sdist-ray: interrupted; no results were written", file=sys.stderr)
        sys.exit(130)
    entry()


if __name__ == "__main__":
    start()
