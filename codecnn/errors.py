"""The error that a command line turns into one line and exit code 2."""


class InputError(ValueError):
    """What the user gave cannot be used; the message names the file and the reason in one line."""
