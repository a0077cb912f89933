"""Read and write YUV4MPEG2 files."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from codecnn.errors import InputError
from codecnn.video.picture import Picture, VideoFormat, check_samples
from codecnn.video.rates import choose_rate
from codecnn.video.raw import picture_from_bytes, picture_to_bytes
from codecnn.video.tags import SQUARE, Tags

LONGEST_HEADER = 1024
MAGIC = b"YUV4MPEG2 "
FRAME = b"FRAME\n"
SCANS = {
    "p": "progressive",
    "t": "interlaced, top field first",
    "b": "interlaced, bottom field first",
    "m": "interlaced, mixed",
}
# Colour space tag: chroma format and bit depth (8 if absent). Some tags of 8-bit 4:2:0 also give the chroma siting.
COLOUR_SPACE = re.compile(r"(?:(4\d\d)(?:(jpeg|paldv|mpeg2)|p(\d\d?))?|mono(\d\d?)?)")


@dataclass(frozen=True)
class Header:
    """Hold what the header line says."""

    format: VideoFormat
    rate: Fraction | None  # as it stands there, while that of the format is one that encoders take
    tags: Tags
    scan: str  # "progressive" or how it is interlaced; "not stated"
    length: int  # in bytes


def read_header(path: Path) -> Header:
    """Return what the header line says; InputError if it cannot be used."""
    with path.open("rb") as file:
        line = file.readline(LONGEST_HEADER)
    if not line:
        raise InputError(f"{path}: the file is empty")
    if not (line.startswith(MAGIC) and line.endswith(b"\n")):
        raise InputError(f"{path}: no YUV4MPEG2 header")
    tags: dict[str, str] = {}
    colour_range = "not stated"
    for token in line.decode("latin-1").split()[1:]:
        if token in ("XCOLORRANGE=FULL", "XCOLORRANGE=LIMITED"):
            colour_range = "full" if token.endswith("FULL") else "limited"
        elif token[0] != "X":
            tags[token[0]] = token[1:]
    try:
        width, height = int(tags["W"]), int(tags["H"])
        numerator, denominator = (int(part) for part in tags.get("F", "0:0").split(":"))
        rate = Fraction(numerator, denominator) if numerator else None
        across, down = (int(part) for part in tags.get("A", "0:0").split(":"))
        aspect = Fraction(across, down) if across else None
    except (KeyError, ValueError, ZeroDivisionError) as error:
        raise InputError(
            f"{path}: YUV4MPEG2 header without a valid width, height, frame rate or shape of samples"
        ) from error
    space = tags.get("C", "420")
    if not (parts := COLOUR_SPACE.fullmatch(space)):
        raise InputError(f"{path}: colour space C{space} is not supported, only such as C420jpeg, C422p10 and Cmono")
    fmt = VideoFormat(width, height, int(parts[3] or parts[4] or 8), choose_rate(rate), parts[1] or "400")
    fmt.check(path)
    stated = Tags(range=colour_range, aspect=aspect, siting=parts[2] or "")
    return Header(fmt, rate, stated, SCANS.get(tags.get("I", ""), "not stated"), len(line))


def frames_within(path: Path, header: Header) -> int:
    """Return the number of frames that the length of a file has room for."""
    return (path.stat().st_size - header.length) // (header.format.frame_bytes + len(FRAME))


def read_y4m(path: Path) -> Iterator[Picture]:
    """Yield the frames of a file, one at a time; InputError if the last one is incomplete or there is none."""
    header = read_header(path)
    fmt = header.format
    length = path.stat().st_size
    with path.open("rb") as file:
        file.seek(header.length)
        frame = 0
        while line := file.readline(LONGEST_HEADER):
            if not (line.startswith(b"FRAME") and line.endswith(b"\n")):
                raise InputError(f"{path}: no FRAME line before frame {frame}")
            rest = length - file.tell()  # checked before reading: a header may state any size
            if rest < fmt.frame_bytes:
                raise InputError(
                    f"{path}: no whole number of frames: frame {frame} has {rest} of {fmt.frame_bytes} bytes"
                )
            yield check_samples(picture_from_bytes(file.read(fmt.frame_bytes), fmt), path, frame)
            frame += 1
    if frame == 0:
        raise InputError(f"{path}: no frames")


def write_y4m(path: Path, pictures: Iterable[Picture], fps: Fraction = Fraction(30)) -> None:
    """Write pictures that share one size, bit depth and chroma format."""
    with path.open("wb") as file:
        for index, picture in enumerate(pictures):
            if index == 0:
                height, width = picture.y.shape
                file.write(header_line(VideoFormat(width, height, picture.bit_depth, fps, picture.chroma)))
            file.write(FRAME + picture_to_bytes(picture))


def header_line(fmt: VideoFormat, tags: Tags = SQUARE) -> bytes:
    """Return the header of a progressive file, with the range and the shape of samples if they are known."""
    aspect = tags.aspect or Fraction(0)
    shape = f"{aspect.numerator}:{aspect.denominator if aspect else 0}"
    colour_range = f" XCOLORRANGE={tags.range.upper()}" if tags.range != "not stated" else ""
    rate = f"{fmt.fps.numerator}:{fmt.fps.denominator}"
    space = _colour_space(fmt.chroma, fmt.bit_depth, tags.siting)
    return f"YUV4MPEG2 W{fmt.width} H{fmt.height} F{rate} Ip A{shape} C{space}{colour_range}\n".encode()


def _colour_space(chroma: str, bit_depth: int, siting: str) -> str:
    """Return the tag that FFmpeg writes."""
    if bit_depth == 8:
        return {"400": "mono", "420": f"420{siting or 'mpeg2'}"}.get(chroma, chroma)
    return f"mono{bit_depth}" if chroma == "400" else f"{chroma}p{bit_depth}"
