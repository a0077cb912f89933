"""Read what a picture file says of itself beside its samples: how many pictures it holds, and how they are turned."""

import logging
import warnings
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from PIL import Image
from PIL.ExifTags import Base
from PIL.TiffImagePlugin import COMPRESSION, SAMPLEFORMAT, TILEWIDTH, TiffImageFile

STRIPS = (1, 5, 8, 32773, 32946)  # TIFF: uncompressed, LZW, Deflate, PackBits
UPRIGHT = 1  # of the eight orientations of EXIF
logging.getLogger("PIL").addHandler(logging.NullHandler())  # or it prints what it finds in damaged files


class PictureFile(NamedTuple):
    """Describe a picture file."""

    kind: str  # as Pillow names it, such as "PNG"; empty: it does not know the file
    pictures: int = 1  # pages, frames
    orientation: int = UPRIGHT
    mode: str = ""  # as Pillow names it, such as "RGB"
    tags: Mapping[int, Any] = MappingProxyType({})  # of TIFF

    @property
    def is_strange_tiff(self) -> bool:
        """Return whether a TIFF is not one of whole numbers in strips; FFmpeg reads black or noise from others."""
        is_signed = set(self.tags.get(SAMPLEFORMAT, (1,))) != {1}
        return is_signed or TILEWIDTH in self.tags or self.tags.get(COMPRESSION, 1) not in STRIPS


def describe_picture_file(path: Path) -> PictureFile:
    """Read the headers of a picture file; no sample is decoded."""
    largest, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # sizes are checked elsewhere
    try:
        with warnings.catch_warnings(action="ignore"), Image.open(path) as image:
            orientation = image.getexif().get(Base.Orientation, UPRIGHT)
            known = orientation if orientation in range(1, 9) else UPRIGHT
            tags = dict(image.tag_v2) if isinstance(image, TiffImageFile) else {}
            return PictureFile(image.format or "", getattr(image, "n_frames", 1), known, image.mode, tags)
    except Exception:  # its readers raise errors of all kinds for damaged files; FFmpeg says what is wrong
        return PictureFile("")
    finally:
        Image.MAX_IMAGE_PIXELS = largest
