"""``python -m sdist_ray``, and the sdist-ray command."""

import atexit
import contextlib
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
    code: list[int] = []
    # Registered before all others, and so called after them.
    atexit.register(_end, code)
    try:
        from sdist_ray.cli import main
    except KeyboardInterrupt:
        print("sdist-ray: interrupted; no results were written", file=sys.stderr)
        sys.exit(130)
    code.append(main())
    sys.exit(code[0])


def _end(code: list[int]) -> None:
    """End the process when all that Python has to do at its end is done, whatever hangs in it.

    Native libraries wait for their threads then. And FFmpeg asks Python whether to go on while it waits for a
    camera: from a thread that hangs in it when the interpreter ends, that ends the process as a crash would.
    """
    if code:
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(code[0])


if __name__ == "__main__":
    start()
