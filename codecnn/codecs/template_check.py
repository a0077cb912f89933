"""Check codec templates: each function raises ValueError with the fault in one line."""

import re
from collections.abc import Iterable, Sequence

from codecnn.codecs.coded_bits import COUNT_BITS
from codecnn.codecs.placeholders import Command, list_placeholders, split_command
from codecnn.codecs.template_run import PLACEHOLDERS

RECONSTRUCTION = "reconstruction"  # in the place of a decoder
FILTERS_SKIPPED_BY = ("h264", "hevc")  # the decoders that support skip_loop_filter


def check_name(name: str) -> None:
    """Check that the name can be a part of file names."""
    if not re.fullmatch(r"[\w.-]+", name):
        raise ValueError("the name is not made of letters, digits, dot, dash, underscore")


def check_commands(commands: Iterable[Command], version_command: Command, decoder: str) -> None:
    """Check that all placeholders are known, and that the encodings have those that are needed."""
    for command in commands:
        needed = {"qp", RECONSTRUCTION if decoder == RECONSTRUCTION else "bitstream"}
        if missing := needed - list_placeholders(command):
            raise ValueError(f"the command has no {_braced(missing)}")
    if not split_command(version_command):
        raise ValueError("the version_command is empty")
    if unknown := set().union(*map(list_placeholders, [*commands, version_command])) - PLACEHOLDERS:
        raise ValueError(f"{_braced(unknown)} is not known, only {_braced(PLACEHOLDERS)}")


def check_patterns(version_pattern: str, qp_pattern: str, bits_pattern: str) -> None:
    """Check that all are regular expressions, and that the last two, unless they are left out, have a group."""
    for pattern, grouped in ((version_pattern, False), (qp_pattern, True), (bits_pattern, True)):
        try:
            groups = re.compile(pattern).groups
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"the pattern {pattern:.80} is no regular expression ({error})") from error
        if pattern and grouped and not groups:
            raise ValueError(f"the pattern {pattern} has no group")


def check_decoder(decoder: str, has_bits: bool, has_unfiltered: bool) -> None:
    """Check that the decoder is known, and gives what the template lacks: the bits, the unfiltered picture."""
    if decoder not in (*COUNT_BITS, RECONSTRUCTION):
        raise ValueError(f"the decoder {decoder} is not known, only {', '.join((*COUNT_BITS, RECONSTRUCTION))}")
    if decoder == RECONSTRUCTION and not has_bits:
        raise ValueError("a reconstruction needs a bits_pattern")
    if not has_unfiltered and decoder not in FILTERS_SKIPPED_BY:
        raise ValueError(f"no command_unfiltered, and {decoder} cannot leave out the in-loop filters")


def check_qps(qp_range: tuple[int, int], default_qps: Sequence[int]) -> None:
    """Check that the range is not empty, and that there are default QPs, all in the range."""
    lowest, highest = qp_range
    if lowest > highest:
        raise ValueError(f"the qp_range begins at {lowest}, above its end {highest}")
    if not default_qps:
        raise ValueError("there are no default_qps")
    for qp in default_qps:
        if not lowest <= qp <= highest:
            raise ValueError(f"the default QP {qp} is outside of the qp_range {lowest} to {highest}")


def check_formats(formats: Iterable[str]) -> None:
    """Check that every format is a chroma format and a bit depth, such as 420 8."""
    if not all(re.fullmatch(r"\d+ +\d+", pair) for pair in formats):
        raise ValueError("a format is not as in 420 8")


def _braced(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))
