"""The one error that a user is shown: bad input, in one line."""

import stat
from pathlib import Path


class InputError(Exception):
    """Something that the user gave cannot be used.

    The message is one line that says what is wrong, where, and what would be right. Commands print it
    and exit with code 2; where one camera of several is at fault, it becomes that camera's reported
    failure and the others go on.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))


def refuse_endless(path: Path) -> None:
    """Raise InputError where a path is a pipe, a socket or a device: opening or reading it may never end.

    Raises:
        OSError: nothing is there, or it may not be looked at.
    """
    mode = path.stat().st_mode
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
        raise InputError(f"{path}: a pipe or a device, not a file")
