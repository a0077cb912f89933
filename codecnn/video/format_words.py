"""Know the words by which the names of raw files state a format."""

import re

from codecnn.video.layouts import LAYOUTS

# The common intermediate format (CIF) and its variants, and sizes of displays: luma width and height. Without HD, which
# is 1280x720 or 1920x1080, and QHD, which is 2560x1440 or 960x540.
NAMED_SIZES = {
    "sqcif": (128, 96), "qcif": (176, 144), "cif": (352, 288), "sif": (352, 240), "4cif": (704, 576),
    "16cif": (1408, 1152), "qvga": (320, 240), "vga": (640, 480), "svga": (800, 600), "xga": (1024, 768),
    "hd720": (1280, 720), "hd1080": (1920, 1080), "fhd": (1920, 1080), "fullhd": (1920, 1080), "wqhd": (2560, 1440),
    "uhd": (3840, 2160),
}  # fmt: skip
WIDTHS_BY_LINES = {720: 1280, 1080: 1920, 1440: 2560, 2160: 3840, 4320: 7680}
# Rates that are written without their point.
RATES = {"2397": "23.976", "2398": "23.976", "23976": "23.976", "2997": "29.97", "5994": "59.94", "11988": "119.88"}
SCANS = dict.fromkeys(("p", "prog", "progressive"), "progressive") | dict.fromkeys(("i", "interlaced"), "interlaced")
SCANS |= {"tff": "interlaced, top field first", "bff": "interlaced, bottom field first"}

RATE = rf"(?P<fps>\d{{1,3}}(?:\.\d{{1,3}})?|{'|'.join(RATES)})"
DEPTH = "(?P<bit_depth>[89]|1[0-6])"
USUAL = "24|25|30|48|50|60|72|90|100|120"
END = "(?P<endian>le|be)"
YUV = "(?:yuvj?|ycbcr|p|i)"
# What words state: the named groups are fields.
ANYWHERE = [
    rf"(?P<width>\d{{2,5}})x(?P<height>\d{{2,5}})(?:(?P<scan>[pi])(?:{RATE}(?:fps|hz)?)?)?",
    rf"(?P<lines>{'|'.join(map(str, WIDTHS_BY_LINES))})(?P<scan>[pi])(?:{RATE}(?:fps|hz)?)?",
    rf"(?P<named_size>{'|'.join(NAMED_SIZES)})",
    rf"{RATE}(?:fps|hz)",
    rf"(?:fps|hz){RATE}",
    f"(?P<fps>{USUAL})(?P<scan>[pi])",
    rf"{YUV}?(?P<chroma>4(?:10|11|20|22|40|44))(?:p|planar)?",
    rf"{YUV}(?P<chroma>400)p?",
    rf"{YUV}?(?P<chroma>4\d\d)p{DEPTH}(?:b|bits?)?{END}?",
    rf"(?P<grey>gr[ae]y|mono|y){DEPTH}(?:b|bits?)?{END}?",
    rf"{DEPTH}(?:b|bits?|bps|bpc){END}?",
    rf"{DEPTH}{END}",
    rf"(?:bits?|depth|bitdepth){DEPTH}",
    "(?:hdr|hlg|pq)(?P<bit_depth>10)",
]
# Before the size these may be words of a title.
AFTER_SIZE = [
    r"(?P<frames>\d{1,6})(?:f|fr|frm|frames?|pics?|pictures)",
    r"(?:f|fr|frm|frames?)(?P<frames>\d{1,6})",
    "(?P<grey>gr[ae]y|gr[ae]yscale|mono|monochrome|luma)",
    f"(?P<scan>{'|'.join(SCANS)})",
    f"(?P<scan>[pi])(?P<fps>{USUAL})",
    END,
    "(?P<range>(?:full|video|limited|tv|pc|narrow)(?:range)?|jpeg|mpeg)",
    "(?P<semiplanar>sp|semiplanar)",
    "(?P<layout>rgb|bgr|gbr|bayer|packed|interleaved)",
    # Of no field: colour, version or part, what the file is, and how it was coded.
    "(?:bt|rec|ct|itu)?(?:601|709|2020)(?:nc|ncl)?|(?:dci|display)?p3|pq|hlg|sdr|hdr|(?:st|smpte)2084",
    r"(?:v|rev|r|ver|version|part|scene|shot|clip|seg|take|cut)\d\d?|\d{1,4}s(?:ec)?",
    "yuv|raw|planar|crop|cropped|jvet|jctvc|ctc|orig|original|src|source|ref|final|rec|recon|dec|decoded|erp|q?hd",
    "copy|test|train|val|in|input|out|output|enc|encoded|compressed|filtered|lossless|intra|ai|ra|ldb|ldp|anchor",
    r"[xh]26\d|avc|hevc|vvc|av1|vp[89]|(?:jm|hm|vtm|ecm)[\d.]*|(?:qp?|crf)\d\d?|\d+[km]?bps",
]
ALIASES = {name.removesuffix("le"): name for name in LAYOUTS if re.fullmatch(r"[pyn][v024]\d\dle", name)}
ALIASES |= {
    "iyuv": "yuv420p", "y800": "gray", "i010": "yuv420p10le", "i210": "yuv422p10le", "i410": "yuv444p10le",
    "i012": "yuv420p12le", "i212": "yuv422p12le", "i412": "yuv444p12le", "yvu420": "yv12", "yvu420p": "yv12",
    "yvu422": "yv16", "yvu422p": "yv16", "yvu444": "yv24", "yvu444p": "yv24", "yuy2": "yuyv422", "yuyv": "yuyv422",
    "yunv": "yuyv422", "uyvy": "uyvy422", "y422": "uyvy422", "uynv": "uyvy422", "yvyu": "yvyu422", "vyuy": "vyuy422",
    "v308": "vyu444", "rgb888": "rgb24", "bgr888": "bgr24", "rgb8": "rgb24", "bgr8": "bgr24", "rgbx": "rgb0",
    "bgrx": "bgr0", "rgba8888": "rgba", "bgra8888": "bgra", "rgb48": "rgb48le", "bgr48": "bgr48le",
    "yuv420sp": "nv12", "420sp": "nv12", "yuv422sp": "nv16", "422sp": "nv16", "yuv444sp": "nv24", "444sp": "nv24",
    "yvu420sp": "nv21", "ycrcb420sp": "nv21", "yvu422sp": "nv61", "yvu444sp": "nv42",
}  # fmt: skip
# Layouts that are not read.
UNREADABLE = re.compile(
    r"[pvy][0-4]16(?:le|be)?|[vyr][24]10(?:le|be)?|y41[26](?:le|be)?|xv\d\d(?:le|be)?|x2(?:rgb|bgr)10(?:le|be)?|"
    r"y41p|uyyvyy411|nv\d\d(?:le|be)?|yv\d\d|yvu9|yuv9|yuva\d\w*|(?:rgb|bgr)a?f?\d+(?:le|be)?|gbra?p\w*|yuv\w*packed"
)
# A word that begins as the name of a pixel format and has a number, or ends as one, is no word of a title.
FORMAT_LIKE = re.compile(r"(?:yuv|yvu|ycbcr|ycrcb|yuy|uyv|rgb|bgr|gbr|nv)[a-z]{0,3}\d\w*|\w*\d[lb]e|\d{1,2}bits?\w+")


def fields_of(word: str, after_size: bool) -> dict[str, str] | None:
    """Return what a word of a file name states, by field; {} if nothing about the format, None if it is not known.

    The fields: width, height, fps, scan (one of the values of SCANS), bit_depth, chroma, endian ("le", "be"),
    semiplanar, layout (one of LAYOUTS, or one that is not read), range ("full", "limited") and frames.
    """
    for pattern in ANYWHERE + AFTER_SIZE * after_size:
        if found := re.fullmatch(pattern, word):
            return _canonical({name: value for name, value in found.groupdict().items() if value})
    layout = ALIASES.get(word, word)
    if (layout in LAYOUTS and word != "gray") or UNREADABLE.fullmatch(layout):
        return {"layout": layout}
    return None


def _canonical(fields: dict[str, str]) -> dict[str, str]:
    """Write what is the same in the same way."""
    if lines := fields.pop("lines", ""):
        fields |= {"width": str(WIDTHS_BY_LINES[int(lines)]), "height": lines}
    if name := fields.pop("named_size", ""):
        fields |= dict(zip(("width", "height"), map(str, NAMED_SIZES[name]), strict=True))
    if fields.pop("grey", ""):
        fields["chroma"] = "400"
    if "fps" in fields:
        fields["fps"] = RATES.get(fields["fps"], fields["fps"])
    if "scan" in fields:
        fields["scan"] = SCANS[fields["scan"]]
    if "range" in fields:
        fields["range"] = "full" if re.match("full|pc|jpeg", fields["range"]) else "limited"
    return fields
