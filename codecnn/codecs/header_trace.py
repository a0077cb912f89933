"""Read the syntax elements in the headers of a stream, by FFmpeg's bitstream filter trace_headers."""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from threading import Lock

import av
import av.logging
from av.bitstream import BitStreamFilterContext

ELEMENT = re.compile(r"\d+ +(\S+) +[01]* *= (-?\d+)\s*$")  # position in bits, name, the bits, value
_LOG = Lock()


@dataclass(frozen=True)
class Header:
    """Hold one header: its title, such as `Picture Parameter Set`, and the values of its syntax elements by name."""

    title: str
    elements: dict[str, int] = field(default_factory=dict)


class HeaderTrace:
    """Read the headers of one stream, packet by packet; `decoder` is FFmpeg's name of a decoder of its codec."""

    def __init__(self, decoder: str, stream: av.VideoStream | None = None) -> None:
        """Open the trace; of a stream of a container `initial` are the headers that the container holds for it."""
        with _captured_log() as log:
            self.filter = BitStreamFilterContext("trace_headers", stream or decoder)
        self.initial = _headers(log)

    def read(self, unit: bytes) -> list[Header]:
        """Return the headers of a packet in their order; av.FFmpegError if they are damaged.

        An element that is inferred is not there, and of one that occurs twice in a header the last value is.
        """
        with _captured_log() as log:
            self.filter.filter(av.Packet(unit))
        return _headers(log)


def _headers(log: Iterable[tuple[int, str, str]]) -> list[Header]:
    headers: list[Header] = []
    for _, _, message in log:
        if found := ELEMENT.match(message):
            headers[-1].elements[found[1]] = int(found[2])
        else:
            headers.append(Header(message.strip()))
    return headers


@contextmanager
def _captured_log() -> Iterator[list[tuple[int, str, str]]]:
    """Collect what FFmpeg logs in this thread. The level of the log is that of the process, so one thread at a time."""
    with _LOG:
        before = av.logging.get_level()
        av.logging.set_level(av.logging.INFO)
        try:
            with av.logging.Capture() as log:
                yield log
        finally:
            av.logging.set_level(before)
