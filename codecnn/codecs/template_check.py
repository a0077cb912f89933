"""What a codec template may not say: each check raises ValueError with what is wrong in one line."""

import re
from collections.abc import Iterable, Sequence

from codecnn.codecs.bitstream import COUNT_BITS
from codecnn.codecs.command_line import Command, places, words
from codecnn.codecs.command_run import PLACES

RECONSTRUCTION = "reconstruction"  # in the place of a decoder
FILTERS_SKIPPED_BY = ("h264", "hevc")  # the decoders that heed skip_loop_filter


def check_name(name: str) -> None:
    """The name is part of file names."""
    if not re.fullmatch(r"[\w.-]+", name):
        raise ValueError("the name is not made of letters, digits, dot, dash, underscore")


def check_commands(commands: Iterable[Command], version_command: Command, decoder: str) -> None:
    """The commands have no unknown places, and those of the encodings all that are needed."""
    for command in commands:
        if missing := {"qp", RECONSTRUCTION if decoder == RECONSTRUCTION else "bitstream"} - places(command):
            raise ValueError(f"the command has no {_braced(missing)}")
    if not words(version_command):
        raise ValueError("the version_command is empty")
    if unknown := set().union(*map(places, [*commands, version_command])) - PLACES:
        raise ValueError(f"{_braced(unknown)} is not known, only {_braced(PLACES)}")


def check_patterns(version_pattern: str, qp_pattern: str, bits_pattern: str) -> None:
    """All are regular expressions, and the last two, unless they are left out, have a group."""
    for pattern, grouped in ((version_pattern, False), (qp_pattern, True), (bits_pattern, True)):
        try:
            groups = re.compile(pattern).groups
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"the pattern {pattern:.80} is no regular expression ({error})") from error
        if pattern and grouped and not groups:
            raise ValueError(f"the pattern {pattern} has no group")


def check_decoder(decoder: str, says_bits: bool, says_unfiltered: bool) -> None:
    """The decoder is known, and gives what the template does not say: bits, and pictures without in-loop filters."""
    if decoder not in (*COUNT_BITS, RECONSTRUCTION):
        raise ValueError(f"the decoder {decoder} is not known, only {', '.join((*COUNT_BITS, RECONSTRUCTION))}")
    if decoder == RECONSTRUCTION and not says_bits:
        raise ValueError("a reconstruction needs a bits_pattern")
    if not says_unfiltered and decoder not in FILTERS_SKIPPED_BY:
        raise ValueError(f"no command_unfiltered, and {decoder} cannot leave out the in-loop filters")


def check_qps(qp_range: tuple[int, int], default_qps: Sequence[int]) -> None:
    """The range is one, and there are default QPs in it."""
    lowest, highest = qp_range
    if lowest > highest:
        raise ValueError(f"the qp_range begins at {lowest}, above its end {highest}")
    if not default_qps:
        raise ValueError("there are no default_qps")
    for qp in default_qps:
        if not lowest <= qp <= highest:
            raise ValueError(f"the default QP {qp} is outside of the qp_range {lowest} to {highest}")


def check_formats(formats: Iterable[str]) -> None:
    """Every format is a chroma format and a bit depth."""
    if not all(re.fullmatch(r"\d+ +\d+", pair) for pair in formats):
        raise ValueError("a format is not as in 420 8")


def _braced(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))
