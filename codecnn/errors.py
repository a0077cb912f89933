"""Define the error that a command turns into one line and exit code 2."""


class InputError(ValueError):
    """Report input that cannot be used; the message names the file and the reason in one line."""
