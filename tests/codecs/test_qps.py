"""The QPs of all codecs in the scale of HEVC."""

import numpy as np
import pytest

from codecnn.codecs.qps import AC_STEPS, QUANTIZED, hevc_qp


def test_a_quantizer_has_the_qp_of_its_step() -> None:
    assert AC_STEPS[0] == 4  # the ends of the table in the standard
    assert AC_STEPS[-1] == 1828
    assert (np.diff(AC_STEPS) > 0).all()
    for quantizer in range(1, 64):
        step = AC_STEPS[quantizer] / 8
        for codec in QUANTIZED:
            steps = 2.0 ** ((hevc_qp(codec, quantizer) + np.array([-0.5, 0.5]) - 4) / 6)  # H.265 8.6.3
            assert steps[0] <= step <= steps[1]


def test_the_quantizers_of_about_the_same_psnr_have_the_qps_of_hevc() -> None:
    assert [hevc_qp("svtav1", quantizer) for quantizer in (14, 25, 35, 43)] == [22, 27, 32, 37]


@pytest.mark.parametrize("codec", ["x264", "x265", "vvenc", "of a template"])
def test_other_codecs_keep_their_qp(codec: str) -> None:
    assert [hevc_qp(codec, qp) for qp in (-12, 22, 37, 63, 255)] == [-12, 22, 37, 63, 255]


@pytest.mark.parametrize("qp", [-1, 64, 255])
def test_no_quantizer_in_a_forged_file_is_no_error(qp: int) -> None:
    assert hevc_qp("vp9", qp) == qp
