"""Look into files of ISO/IEC 14496-12 (MP4, MOV, HEIC, AVIF) for what FFmpeg's decoders leave undone."""

import re
import struct
from collections.abc import Iterator
from pathlib import Path

CLEAN_APERTURE = re.compile(rb"\0\0\0\x28clap(.{32})", re.DOTALL)
MIRROR = re.compile(rb"\0\0\0\x09imir")


def _boxes(path: Path) -> Iterator[tuple[bytes, int, int]]:
    """Yield the kind, begin and end of every box at the top of a file, up to what cameras add that is no box."""
    length, at = path.stat().st_size, 0
    with path.open("rb") as file:
        while len(head := file.read(16)) >= 8 and head[4:8].isalnum():
            size, kind = struct.unpack(">I4s", head[:8])
            if size == 1:
                size = struct.unpack(">Q", head[8:].ljust(8, b"\0"))[0]
            size = max(size or length - at, 8)
            yield kind, at, at + size
            at += size
            file.seek(min(at, length))


def _headers(path: Path) -> Iterator[bytes]:
    """Yield the boxes that describe a file."""
    with path.open("rb") as file:
        for kind, begin, end in _boxes(path):
            if kind in (b"moov", b"meta"):
                file.seek(begin)
                yield file.read(end - begin)


def is_cut(path: Path) -> bool:
    """Return whether a file ends within one of its boxes."""
    return any(end > path.stat().st_size for _, _, end in _boxes(path))


def cropped_size(path: Path) -> tuple[float, float] | None:
    """Return the smallest (width, height) that a file crops its pictures to; None if it does not."""
    sizes = []
    for header in _headers(path):
        for found in CLEAN_APERTURE.finditer(header):
            width, width_by, height, height_by = struct.unpack(">4I", found[1][:16])
            sizes.append((width / max(width_by, 1), height / max(height_by, 1)))
    return min(sizes, default=None)


def is_mirrored(path: Path) -> bool:
    """Return whether a picture of a file is mirrored (property imir of ISO/IEC 23008-12)."""
    return any(MIRROR.search(header) for header in _headers(path))
