"""Check codec templates: each function raises ValueError with the fault in one line."""

import math
import re
from collections.abc import Iterable, Mapping, Sequence

from codecnn.codecs.coded_bits import COUNT_BITS
from codecnn.codecs.encode_once import UNFILTERED_BY
from codecnn.codecs.placeholders import Command, list_placeholders, split_command
from codecnn.codecs.qps import QPS
from codecnn.codecs.template_run import PLACEHOLDERS
from codecnn.video.picture import BIT_DEPTHS, SCALES

RECONSTRUCTION = "reconstruction"  # in the place of a decoder
MOST_PADDING = 1024  # samples: more than any CTU


def check_name(name: str) -> None:
    """Check that the name can be a part of file names."""
    if not re.fullmatch(r"[^\W_][\w.-]{0,63}", name):
        raise ValueError("the name is not made of up to 64 letters, digits, dots, dashes, underscores, a letter first")


def check_commands(commands: Iterable[Command], version_command: Command, decoder: str) -> None:
    """Check that all placeholders are known, and that the encodings have those that are needed."""
    for command in commands:
        there = list_placeholders(command)
        needed = {"qp" if "qp_prime" not in there else "qp_prime"}
        needed |= {RECONSTRUCTION if decoder == RECONSTRUCTION else "bitstream"}
        if missing := needed - there:
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
    """Check that the decoder is known, and gives what the template lacks: the bits, the unfiltered picture.

    Bits are counted in the stream, by one rule for all encoders; printed bits are only for encoders without a decoder.
    """
    if decoder not in (*COUNT_BITS, RECONSTRUCTION):
        raise ValueError(f"the decoder {decoder} is not known, only {', '.join((*COUNT_BITS, RECONSTRUCTION))}")
    if decoder == RECONSTRUCTION and not has_bits:
        raise ValueError("a reconstruction needs a bits_pattern")
    if decoder != RECONSTRUCTION and has_bits:
        raise ValueError("a bits_pattern is only for a reconstruction: of a stream the bits are counted")
    if not has_unfiltered and decoder not in UNFILTERED_BY:
        raise ValueError(f"no command_unfiltered, and {decoder} cannot leave out the in-loop filters")


def check_qps(qp_range: tuple[int, int], default_qps: Sequence[int]) -> None:
    """Check that the range is not empty and can be, and that there are default QPs, all in the range."""
    lowest, highest = qp_range
    if lowest not in QPS or highest not in QPS:
        raise ValueError(f"the qp_range {lowest} to {highest} is outside of {QPS[0]} to {QPS[-1]}")
    if lowest > highest:
        raise ValueError(f"the qp_range begins at {lowest}, above its end {highest}")
    if not default_qps:
        raise ValueError("there are no default_qps")
    for qp in default_qps:
        if not lowest <= qp <= highest:
            raise ValueError(f"the default QP {qp} is outside of the qp_range {lowest} to {highest}")


def check_formats(formats: Sequence[str]) -> None:
    """Check that there are formats, each a chroma format and a bit depth, such as 420 8."""
    known = {f"{chroma} {bit_depth}" for chroma in SCALES for bit_depth in BIT_DEPTHS}
    if not formats or not set(formats) <= known:
        raise ValueError(f"the formats are not of {', '.join(sorted(known, key=lambda pair: (len(pair), pair)))}")


def check_numbers(bit_depths: Mapping[str, int], minimum_size: int, size_multiple: int, seconds: float) -> None:
    """Check the bit depths, by their names, 0 for none; the padding; the time limit."""
    for name, bit_depth in bit_depths.items():
        if bit_depth not in (0, *BIT_DEPTHS):
            raise ValueError(f"the {name} is {bit_depth}, not 0 or {', '.join(map(str, BIT_DEPTHS))}")
    for name, samples in (("minimum_size", minimum_size), ("size_multiple", size_multiple)):
        if not 1 <= samples <= MOST_PADDING:
            raise ValueError(f"the {name} is {samples}, not 1 to {MOST_PADDING}")
    if not 0 < seconds < math.inf:
        raise ValueError(f"seconds_per_frame is {seconds:g}, not a positive number")


def check_presets(presets: Sequence[str], preset: str, commands: Iterable[Command]) -> None:
    """Check that a preset is used where there are presets, and that it is one of them."""
    used = any("preset" in list_placeholders(command) for command in commands)
    if used and not preset:
        raise ValueError("the command has {preset}, but there is no preset")
    if (presets or preset) and not used:
        raise ValueError("there are presets, but the command has no {preset}")
    if presets and preset not in presets:
        raise ValueError(f"the preset {preset} is none of the presets {', '.join(presets)}")


def _braced(names: Iterable[str]) -> str:
    return ", ".join(f"{{{name}}}" for name in sorted(names))
