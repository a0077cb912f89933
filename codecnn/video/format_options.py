"""Define the formats that a user can state for sources."""

from dataclasses import dataclass
from fractions import Fraction

from codecnn.video.colour import Matrix, Range


@dataclass(frozen=True)
class FormatOptions:
    """Hold what the user states: the format of raw files, and what RGB is converted to. None: not stated.

    For raw files it overrides the name. RGB becomes 4:2:0 by BT.709 with limited range if not stated otherwise, 8 bit
    stays 8 bit and more becomes 10 bit. A source that is of another format, and is not converted, is refused.
    """

    width: int | None = None
    height: int | None = None
    bit_depth: int | None = None
    fps: Fraction | None = None
    chroma: str | None = None
    pixel_format: str | None = None  # one of LAYOUTS; only of raw files
    matrix: Matrix | None = None
    range: Range | None = None


NOTHING_STATED = FormatOptions()
