"""Test RGB to YCbCr against scikit-image, swscale of FFmpeg, and the inverted equations of the recommendations."""

from dataclasses import replace
from fractions import Fraction

import av
import numpy as np
import pytest
from av.filter import Graph
from skimage.color import rgb2ycbcr, ycbcr2rgb

from codecnn.video.colour import SITINGS, Conversion, Matrix, Range, rgb_to_picture
from codecnn.video.frames import PIXEL_FORMATS

RNG = np.random.default_rng(0)
# As printed in the recommendations: luma of R, G and B, and the divisors of B - Y and R - Y.
PRINTED: dict[Matrix, tuple[list[float], float, float]] = {
    "bt601": ([0.299, 0.587, 0.114], 1.772, 1.402),
    "bt709": ([0.2126, 0.7152, 0.0722], 1.8556, 1.5748),
    "bt2020": ([0.2627, 0.6780, 0.0593], 1.8814, 1.4746),
}
RANGES: tuple[Range, ...] = ("limited", "full")


def random_rgb(dtype: type[np.uint8 | np.uint16], height: int = 64, width: int = 48) -> np.ndarray:
    """Return noise that contains the corners of the colour cube."""
    peak = int(np.iinfo(dtype).max)
    rgb = RNG.integers(0, peak, (height, width, 3), dtype, endpoint=True)
    rgb[0, :8] = [[peak * (i >> bit & 1) for bit in range(3)] for i in range(8)]
    return rgb


def by_swscale(rgb: np.ndarray, pix_fmt: str, matrix: Matrix, range_: Range) -> list[np.ndarray]:
    """Convert with FFmpeg's scaler in its most exact mode."""
    frame = av.VideoFrame.from_ndarray(rgb, format="rgb24")
    frame.pts = 0
    graph = Graph()
    source = graph.add_buffer(
        width=frame.width, height=frame.height, format=frame.format, time_base=Fraction(1)
    )  # fmt: skip
    scale = graph.add(
        "scale",
        f"in_range=full:out_range={range_}:out_color_matrix={matrix}:flags=accurate_rnd+full_chroma_int+bitexact",
    )
    form, sink = graph.add("format", pix_fmt), graph.add("buffersink")
    for one, next_ in ((source, scale), (scale, form), (form, sink)):
        one.link_to(next_)
    graph.configure()
    graph.push(frame)
    made = graph.pull()
    assert isinstance(made, av.VideoFrame)
    assert made.format.name == pix_fmt
    planes = []
    for plane in made.planes:
        rows = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)
        planes.append(rows.view(np.uint16 if "le" in pix_fmt else np.uint8)[:, : plane.width].astype(int))
    return planes


def test_bt601_equals_scikit_image() -> None:
    rgb = random_rgb(np.uint8)
    picture = rgb_to_picture(rgb, 8, Conversion("bt601", "limited", "444"))
    for plane, expected in zip(picture.planes, np.moveaxis(rgb2ycbcr(rgb), 2, 0), strict=True):
        assert np.abs(plane - expected).max() <= 0.5  # theirs is not rounded
    back = 255 * ycbcr2rgb(np.stack(picture.planes, axis=2).astype(float))
    assert np.abs(back - rgb).max() <= rounding_error("bt601", "limited", 8) + 1e-3  # its inverse has rounded factors


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
@pytest.mark.parametrize("range_", RANGES)
@pytest.mark.parametrize("matrix", PRINTED)
def test_every_matrix_and_range_equals_swscale(matrix: Matrix, range_: Range, bit_depth: int) -> None:
    rgb = random_rgb(np.uint8)
    picture = rgb_to_picture(rgb, bit_depth, Conversion(matrix, range_, "444"))
    theirs = by_swscale(rgb, PIXEL_FORMATS["444", bit_depth], matrix, range_)
    for plane, expected in zip(picture.planes, theirs, strict=True):
        assert np.abs(plane - expected).max() <= (1 if bit_depth < 12 else 2)  # swscale computes with 15 bits


@pytest.mark.parametrize("matrix", PRINTED)
def test_sixteen_bit_rgb_is_scaled_by_its_own_peak(matrix: Matrix) -> None:
    """Check that 16-bit samples are divided by 2^16 - 1, not by 2^16 as in swscale."""
    rgb, conversion = random_rgb(np.uint8), Conversion(matrix)
    shallow, deep = rgb_to_picture(rgb, 10, conversion), rgb_to_picture(rgb * np.uint16(257), 10, conversion)
    for plane, same in zip(shallow.planes, deep.planes, strict=True):
        np.testing.assert_array_equal(plane, same)
    factors, offsets = equations(matrix, "limited", 10)
    rgb = random_rgb(np.uint16)
    exact = np.moveaxis(rgb / 65535 @ factors.T + offsets, 2, 0)
    picture = rgb_to_picture(rgb, 10, replace(conversion, chroma="444"))
    for plane, expected in zip(picture.planes, exact, strict=True):
        assert np.abs(plane - expected).max() <= 0.5 + 1e-9


def equations(matrix: Matrix, range_: Range, bit_depth: int) -> tuple[np.ndarray, np.ndarray]:
    """Return factors (3, 3) and offsets (3,) that take R, G, B of 0..1 to code values, from the printed numbers."""
    luma, blue, red = np.array(PRINTED[matrix][0]), *PRINTED[matrix][1:]
    factors = np.array([luma, (np.array([0, 0, 1]) - luma) / blue, (np.array([1, 0, 0]) - luma) / red])
    if range_ == "limited":
        scale = 1 << (bit_depth - 8)
        return factors * np.array([[219], [224], [224]]) * scale, np.array([16, 128, 128]) * scale
    return factors * ((1 << bit_depth) - 1), np.array([0, 1, 1]) * (1 << (bit_depth - 1))


def rounding_error(matrix: Matrix, range_: Range, bit_depth: int) -> float:
    """Return the largest error of RGB, 0..255, if each code value is half a step off."""
    inverse = np.linalg.inv(equations(matrix, range_, bit_depth)[0])
    return float(255 * 0.5 * np.abs(inverse).sum(1).max())


@pytest.mark.parametrize("bit_depth", [8, 10, 12])
@pytest.mark.parametrize("range_", RANGES)
@pytest.mark.parametrize("matrix", PRINTED)
def test_conversion_back_gives_the_original_up_to_rounding(matrix: Matrix, range_: Range, bit_depth: int) -> None:
    rgb = random_rgb(np.uint8)
    picture = rgb_to_picture(rgb, bit_depth, Conversion(matrix, range_, "444"))
    factors, offsets = equations(matrix, range_, bit_depth)
    codes = np.stack(picture.planes, axis=2).astype(float)
    clipped = codes == (1 << bit_depth) - 1  # full range has no code for the highest chroma: half a step is lost
    error = np.abs(255 * (codes - offsets) @ np.linalg.inv(factors).T - rgb)
    assert error[~clipped.any(2)].max() <= rounding_error(matrix, range_, bit_depth) + 1e-9
    assert error.max() <= 2 * rounding_error(matrix, range_, bit_depth)
    if bit_depth == 12:
        assert error.max() < 0.5  # 12 bits keep every 8-bit value


@pytest.mark.parametrize("range_", RANGES)
@pytest.mark.parametrize("bit_depth", [8, 10, 12])
def test_extreme_colours_have_the_extreme_values_of_both_ranges(bit_depth: int, range_: Range) -> None:
    """Check the values of ITU-T H.273 for white, black, and pure blue and red, the extremes of chroma."""
    scale, peak = 1 << (bit_depth - 8), (1 << bit_depth) - 1
    limited = range_ == "limited"
    low, high, bottom, top = (v * scale for v in (16, 235, 16, 240)) if limited else (0, peak, 1, peak)
    neutral = 128 * scale
    for rgb, expected in (
        ((0, 0, 0), (low, neutral, neutral)),
        ((1, 1, 1), (high, neutral, neutral)),
        ((0, 0, 1), (None, top, None)),
        ((1, 0, 0), (None, None, top)),
        ((1, 1, 0), (None, bottom, None)),
    ):
        flat = np.full((3, 3, 3), rgb, np.uint8) * np.uint8(255)
        picture = rgb_to_picture(flat, bit_depth, Conversion("bt709", range_))
        for plane, value in zip(picture.planes, expected, strict=True):
            assert value is None or (plane == value).all()


@pytest.mark.parametrize(("chroma", "scale"), [("420", (2, 2)), ("422", (1, 2)), ("444", (1, 1))])
def test_chroma_is_the_mean_of_the_samples_it_covers(chroma: str, scale: tuple[int, int]) -> None:
    rgb = random_rgb(np.uint8, 33, 35)
    fine = rgb_to_picture(rgb, 12, Conversion(chroma="444"))
    picture = rgb_to_picture(rgb, 12, Conversion(chroma=chroma))
    np.testing.assert_array_equal(picture.y, fine.y)
    assert picture.chroma == chroma
    for plane, whole in ((picture.u, fine.u), (picture.v, fine.v)):
        for row, col in np.ndindex(plane.shape):
            part = whole[row * scale[0] :, col * scale[1] :][: scale[0], : scale[1]]
            assert abs(plane[row, col] - part.mean()) <= 1  # each sample of the finer picture is rounded


def test_without_chroma_luma_is_the_same() -> None:
    rgb = random_rgb(np.uint8)
    picture = rgb_to_picture(rgb, 8, Conversion(chroma="400"))
    assert (picture.chroma, len(picture.planes)) == ("400", 1)
    np.testing.assert_array_equal(picture.y, rgb_to_picture(rgb, 8).y)


def test_every_conversion_has_its_own_description() -> None:
    every = [Conversion(matrix, range_, chroma) for matrix in PRINTED for range_ in RANGES for chroma in SITINGS]
    assert len({conversion.description for conversion in every}) == len(every) == 24
    assert Conversion("bt601", "full", "422").description == (
        "RGB by BT.601, full range; chroma is the mean of 2 samples of a row (centre siting)"
    )
