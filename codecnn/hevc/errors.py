"""Define the error of a stream; `codecnn.hevc.read` turns it into an InputError with the name of the file."""


class StreamError(ValueError):
    """Report a stream that is damaged, or that uses what is not supported; the message says which."""


def damaged(reason: str) -> StreamError:
    """Return the error for a stream that breaks a rule of the standard."""
    return StreamError(f"the stream is damaged: {reason}")


def unsupported(tool: str) -> StreamError:
    """Return the error for a stream with a tool or format that is not read."""
    return StreamError(
        f"{tool} are not supported, only intra pictures of HEVC version 1 in 4:0:0 and 4:2:0, 8 to 10 bit"
    )
