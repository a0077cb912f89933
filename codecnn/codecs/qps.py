"""Bound the QPs of all codecs, and bring them to the scale of HEVC."""

from math import log2

QPS = range(-64, 256)  # those that a dataset file can hold
QUANTIZED = ("svtav1", "vp9")  # codecs whose QP is a quantizer, 0 to 63
# Ac_Qlookup of the quantizers 0 to 63 at 8 bit (AV1 7.12.2; VP9 has the same): 8 times the step of an orthonormal
# transform.
AC_STEPS = (
    4, 11, 15, 19, 23, 27, 31, 35, 39, 43, 47, 51, 55, 59, 63, 67, 71, 75, 79, 83, 87, 91, 95, 99, 104, 112, 120, 128,
    136, 144, 152, 164, 176, 188, 200, 215, 231, 247, 265, 285, 305, 329, 353, 380, 408, 440, 474, 510, 550, 593, 639,
    689, 743, 801, 864, 933, 1007, 1087, 1173, 1267, 1369, 1479, 1628, 1828,
)  # fmt: skip


def hevc_qp(codec: str, qp: int) -> int:
    """Return the QP of HEVC whose quantisation step is nearest to that of a codec's QP.

    Networks are told this one, so that weights for one codec know what the QP of another means. AVC, HEVC and VVC have
    the same steps. The QP of a codec that is not known, such as one by a template, is taken for one of HEVC.
    """
    return qp_of_quantizer(qp) if codec in QUANTIZED and 0 <= qp < len(AC_STEPS) else qp


def qp_of_quantizer(quantizer: int) -> int:
    """Return the QP of HEVC whose quantisation step is nearest to that of a quantizer of AV1 and VP9, 0 to 63."""
    return round(4 + 6 * log2(AC_STEPS[quantizer] / 8))
