"""Define the errors that a command turns into one line and exit code 2, and the warning that it prints as one line."""


class InputError(ValueError):
    """Report input that cannot be used; the message names the file and the reason in one line."""


class InputWarning(UserWarning):
    """Report input that is used, but is perhaps not what it seems; the message names the file and the reason."""


class DivergedError(InputError):
    """Report a training whose loss, weights or figures are not finite any more."""


class NotFiniteError(InputError):
    """Report a network that gives numbers that are not finite."""
