"""Read the format of a raw file from its name."""

import re
from fractions import Fraction
from pathlib import Path

from codecnn.errors import InputError
from codecnn.video.picture import SCALES

# The common intermediate format (CIF) and its variants: luma width and height.
NAMED_SIZES = {
    "sqcif": (128, 96),
    "qcif": (176, 144),
    "cif": (352, 288),
    "4cif": (704, 576),
    "16cif": (1408, 1152),
}
# Layouts that are not supported: interleaved chroma, V before U, packed, big-endian.
FOREIGN_LAYOUT = (
    r"nv\d\d|p[024]1[0-6](?:le|be)?|yv\d\d|yuyv(?:422)?|yvyu(?:422)?|uyvy(?:422)?|[vy]2[01]\d|"
    r"(?:yuv)?4\d\dp\d\d?be|gr[ae]y\d\d?be"
)
RATE = r"\d{1,3}(?:\.\d{1,3})?"


def format_from_name(path: Path) -> dict[str, int | str | Fraction]:
    """Return the fields of VideoFormat that a file name states, by the usual naming of test sequences.

    Understands `Name_1920x1080_50.yuv`, `Name_1920x1080_50_8bit_420.yuv`, `Name_3840x2160_60fps_10bit_420.yuv`,
    `Name_1920x1080_59.94_yuv422p10le.yuv`, `Name_1920x1080_gray12le.yuv` and `name_cif.yuv`. The word "gray" without
    a bit depth counts only after the size. Fields that the name does not state are left out. Raises InputError for a
    layout that is not planar, little-endian and in the order Y, U, V.
    """
    fields: dict[str, int | str | Fraction] = {}
    tokens = re.split(r"[_\- ]|\.(?!\d)", path.stem.lower())
    for position, token in enumerate(tokens):
        if size := re.fullmatch(r"(\d{2,5})x(\d{2,5})(?:p(\d{0,3}))?", token):
            fields["width"], fields["height"] = int(size[1]), int(size[2])
            following = size[3] or (tokens[position + 1] if position + 1 < len(tokens) else "")
            if re.fullmatch(RATE, following) and following not in SCALES and Fraction(following) > 0:
                fields["fps"] = Fraction(following)
        elif token in NAMED_SIZES and "width" not in fields:
            fields["width"], fields["height"] = NAMED_SIZES[token]
        elif rate := re.fullmatch(f"({RATE})(fps|hz)", token):
            fields["fps"] = Fraction(rate[1])
        elif depth := re.fullmatch(r"(\d{1,2})(?:b(?:its?|pp)?|le)", token):
            fields["bit_depth"] = int(depth[1])
        elif re.fullmatch(FOREIGN_LAYOUT, token):
            raise InputError(f"{path}: layout {token} is not supported, only planar Y, U, V, little-endian")
        elif chroma := re.fullmatch(r"(?:yuvj?|p|i)?(4(?:00|10|11|20|22|40|44))(?:p(\d{1,2})?(?:le)?)?", token):
            fields["chroma"] = chroma[1]
            if chroma[2]:
                fields["bit_depth"] = int(chroma[2])
        elif (grey := re.fullmatch(r"gr[ae]y(?:(\d{1,2})(?:le)?)?", token)) and (grey[1] or "width" in fields):
            fields["chroma"] = "400"
            if grey[1]:
                fields["bit_depth"] = int(grey[1])
    return fields
