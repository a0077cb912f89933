"""Find the format of a raw file by what the user states, its name, its length and its samples."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import product
from pathlib import Path

from codecnn.errors import InputError, InputWarning
from codecnn.video.file_names import NameOfFile, read_name
from codecnn.video.format_options import FormatOptions
from codecnn.video.format_words import RATES
from codecnn.video.layouts import LAYOUTS, Layout, planar
from codecnn.video.picture import BIT_DEPTHS, SCALES, VideoFormat
from codecnn.video.rates import DEFAULT_RATE
from codecnn.video.raw import count_raw_frames
from codecnn.video.raw_words import Depths, possible_depths

SEMI_PLANAR = {"420": "nv12", "422": "nv16", "444": "nv24"}
USUAL_RATES = ("72", "90", "100", "120", "240", *RATES)  # above 60
SAYS_IT = "--pixel-format says what it is"
ROLES = ("fps", "bit_depth", "chroma", "frames")
Reading = dict[str, str]  # role -> number: one way to understand the numbers of a name that have no unit


@dataclass(frozen=True)
class RawFormat:
    """Hold the format of a raw file."""

    format: VideoFormat
    layout: Layout
    scan: str  # "progressive" or how it is interlaced; "not stated"
    range: str  # "full", "limited" or "not stated"


def find_raw_format(path: Path, options: FormatOptions) -> RawFormat:
    """Return the format of a raw file; InputError if it is not clear, a warning if it is not certain.

    A number without a unit, such as those in `a_64x64_25_10.yuv`, is the rate, the bit depth, the chroma format or the
    number of frames: what fits the length of the file and its samples.
    """
    name = read_name(path)
    readings = list(_readings(name))
    if options.pixel_format is not None or None not in (options.chroma, options.bit_depth):
        readings.append({})
    elif name.unknown:
        raise InputError(f"{path}: {name.unknown[0]!r} in the name is not understood; {SAYS_IT}")
    depths = Depths()
    is_planar = not (options.pixel_format or {"layout", "semiplanar"} & name.stated.keys())
    if is_planar and options.bit_depth is None and name.stated.get("endian") != ["be"]:
        depths = possible_depths(path, whole="bit_depth" not in name.stated)
    reasons = []
    for reading in readings:
        try:
            return _Attempt(path, options, name, reading, depths).result()
        except InputError as error:
            reasons.append(error)
    raise reasons[0] if reasons else InputError(f"{path}: the numbers in the name are not understood; {SAYS_IT}")


def _readings(name: NameOfFile) -> Iterator[Reading]:
    """Yield the ways to understand the numbers of a name, the likeliest first."""
    readings: list[tuple[tuple[bool, ...], Reading]] = []
    if len(name.numbers) > len(ROLES):
        return
    for roles in product(*([role for role in _roles(n) if role not in name.stated] for n in name.numbers)):
        if len(set(roles)) == len(roles):
            reading = {
                role: RATES.get(n, n) if role == "fps" else n for role, n in zip(roles, name.numbers, strict=True)
            }
            depth_first = [role for role in roles if role in ("fps", "bit_depth")] == ["bit_depth", "fps"]
            usual = Fraction(reading.get("fps", 1)) <= 60 < int(reading.get("frames", 61))
            readings.append((("bit_depth" not in roles, not usual, depth_first), reading))
    yield from (reading for _, reading in sorted(readings, key=lambda pair: pair[0]))


def _roles(number: str) -> list[str]:
    """Return what a number without a unit may be."""
    if number in SCALES:
        return ["chroma", "frames"]
    is_rate = number in USUAL_RATES or (Fraction(number) <= 60 and number not in ("14", "16"))
    is_depth = number in ("8", "10", "12", "14", "16")
    return ["fps"] * is_rate + ["bit_depth"] * is_depth + ["frames"] * number.isdigit()


@dataclass(frozen=True)
class _Attempt:
    """Try one reading of a name with its file."""

    path: Path
    options: FormatOptions
    name: NameOfFile
    reading: Reading
    depths: Depths

    def result(self) -> RawFormat:
        """Return the format; InputError if it does not fit the file."""
        if not ((width := self.stated("width")) and (height := self.stated("height"))):
            raise self.error("no width and height, neither in the name (as in Name_1920x1080_50.yuv) nor as options")
        size, rate = (int(width), int(height)), Fraction(self.stated("fps") or DEFAULT_RATE)
        layout = self.layout(VideoFormat(*size))
        depth, chroma = layout.bit_depth, layout.chroma
        if layout.is_rgb:
            depth, chroma = self.options.bit_depth or min(depth, 10), self.options.chroma or "420"
        fmt = VideoFormat(*size, depth, rate, chroma)
        fmt.check(self.path)
        frames = count_raw_frames(self.path, fmt, layout)
        if (said := self.stated("frames")) and int(said) != frames:
            if "frames" in self.reading and _roles(said) != ["frames"]:
                raise self.error(f"{said} in the name is not understood, the file has {frames} frames; {SAYS_IT}")
            self.warn(f"the name says {said} frames, the file has {frames}")
        if fmt.bit_depth > 8 and not self.stated("bit_depth") and 8 not in self.depths.possible:
            self.warn(f"the samples are 16-bit words up to {self.depths.largest}: read as {fmt.bit_depth} bit")
        scan, ranges = self.stated("scan") or "not stated", self.said("range")
        if scan.startswith("interlaced") and rate >= 48 and not self.options.fps:
            rate /= 2  # of fields
        return RawFormat(replace(fmt, fps=rate), layout, scan, ranges[0] if len(ranges) == 1 else "not stated")

    def layout(self, size: VideoFormat) -> Layout:
        """Return the layout; InputError if what is stated cannot be together, or is not read."""
        if name := self.options.pixel_format:
            if name not in LAYOUTS:
                raise self.error(f"pixel format {name} is not one of {', '.join(LAYOUTS)}")
            return LAYOUTS[name]
        if name := self.stated("layout"):
            if name not in LAYOUTS:
                raise self.error(f"layout {name} is not supported; {SAYS_IT}")
            for field, value in (("chroma", LAYOUTS[name].chroma), ("bit_depth", LAYOUTS[name].bit_depth)):
                if (said := self.said(field)) and said != [str(value)]:
                    raise self.error(f"the name says both {name} and {' '.join(said)}; {SAYS_IT}")
            return LAYOUTS[name]
        chroma, depth = self.stated("chroma"), self.stated("bit_depth")
        if self.stated("semiplanar"):
            if (chroma or "420") not in SEMI_PLANAR or (depth or "8") != "8":
                raise self.error(f"semi-planar of {chroma or 420} at {depth or 8} bit is not clear; {SAYS_IT}")
            return LAYOUTS[SEMI_PLANAR[chroma or "420"]]
        return self.planar_layout(size, chroma, depth)

    def planar_layout(self, size: VideoFormat, chroma: str | None, stated_depth: str | None) -> Layout:
        """Return the planar layout of a chroma format and a bit depth, which may have to be found."""
        possible = self.depths.possible
        depth = int(stated_depth) if stated_depth else 8 if 8 in possible else min(possible)
        if depth in BIT_DEPTHS and depth not in possible:
            found = " or ".join(map(str, sorted(possible)))
            raise self.error(f"the name says {depth} bit, but the samples are of {found} bit; {SAYS_IT}")
        if not stated_depth and depth > 8 and self.depths.largest < 256:
            raise self.error(f"the samples are 16-bit words up to {self.depths.largest}; --bit-depth says of how many")
        replace(size, bit_depth=depth, chroma=chroma or "420").check(self.path)
        perhaps_grey = (self.name.perhaps_grey and not chroma) or (
            self.reading.get("chroma") == "400" and not self.options.chroma and "bit_depth" not in self.name.stated
        )
        if perhaps_grey:
            length = self.path.stat().st_size
            fits = [c for c in ("400", "420") if not length % planar(c, depth).frame_bytes(size.width, size.height)]
            if len(fits) == 2:
                word = self.name.perhaps_grey or "400"
                raise self.error(f"{word!r} in the name may be the chroma format or not; --chroma says what it is")
            chroma = chroma or (fits or ["420"])[0]
        return planar(chroma or "420", depth, self.stated("endian") or "le")

    def stated(self, field: str) -> str | None:
        """Return what an option says, or else the name; InputError if the name says two things."""
        if (option := getattr(self.options, field, None)) is not None:
            return str(option)
        values = self.said(field)
        if len(values) > 1:
            raise self.error(f"the name says both {' and '.join(values)}; {SAYS_IT}")
        return values[0] if values else None

    def said(self, field: str) -> list[str]:
        """Return what the name says."""
        return [*self.name.stated.get(field, []), *([self.reading[field]] if field in self.reading else [])]

    def error(self, reason: str) -> InputError:
        """Return an error that names the file."""
        return InputError(f"{self.path}: {reason}")

    def warn(self, remark: str) -> None:
        """Warn of something that is not certain."""
        warnings.warn(f"{self.path}: {remark}", InputWarning, stacklevel=4)
