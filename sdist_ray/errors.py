"""The one error that a user is shown: bad input, in one line."""


class InputError(Exception):
    """Something that the user gave cannot be used.

    The message is one line that says what is wrong, where, and what would be right. Commands print it
    and exit with code 2; where one camera of several is at fault, it becomes that camera's reported
    failure and the others go on.
    """

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(message.split()))
