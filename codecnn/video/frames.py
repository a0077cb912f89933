"""Convert between pictures and PyAV frames."""

from itertools import product

import av
import numpy as np
from numpy.typing import NDArray

from codecnn.video.picture import BIT_DEPTHS, SCALES, Picture, VideoFormat

# FFmpeg's planar, little-endian pixel formats by chroma format and bit depth.
PIXEL_FORMATS = {
    (chroma, depth): ("gray" if chroma == "400" else f"yuv{chroma}p") + ("" if depth == 8 else f"{depth}le")
    for chroma, depth in product(SCALES, BIT_DEPTHS)
}
# Formats whose planes are copied unchanged -> chroma format and bit depth; "j" means full range.
PLANAR = {name: pair for pair, name in PIXEL_FORMATS.items()}
PLANAR |= {f"yuvj{chroma}p": (chroma, 8) for chroma in ("420", "422", "444")}
GREY_WITH_ALPHA = {"ya8": "u1", "ya16le": "<u2", "ya16be": ">u2"}  # which PyAV gives no arrays of


def picture_from_frame(frame: av.VideoFrame) -> Picture:
    """Copy a decoded planar frame into a Picture; ValueError for a pixel format that is not in PLANAR."""
    if frame.format.name not in PLANAR:
        raise ValueError(f"pixel format {frame.format.name} is none of {', '.join(PLANAR)}")
    chroma, bit_depth = PLANAR[frame.format.name]
    fmt = VideoFormat(frame.width, frame.height, bit_depth, chroma=chroma)
    planes = []
    for plane, (height, width) in zip(frame.planes, fmt.plane_shapes, strict=True):
        stride = plane.line_size // fmt.dtype.itemsize
        rows = np.frombuffer(memoryview(plane), fmt.dtype)[: height * stride].reshape(height, stride)
        planes.append(rows[:, :width].astype(fmt.dtype.newbyteorder("="), copy=True))
    return Picture.of(planes, bit_depth)


def layout_of(frame: av.VideoFrame) -> str:
    """Return size and pixel format of a frame, in words."""
    return f"{frame.width}x{frame.height} {frame.format.name}"


def sample_bits(frame: av.VideoFrame) -> int:
    """Return the bits of a frame's samples, 8 for formats with fewer."""
    return max(8, *(component.bits for component in frame.format.components))


def rgb_from_frame(frame: av.VideoFrame) -> NDArray:
    """Return R, G and B of an RGB or grey frame, (H, W, 3) uint8 or uint16; ValueError if it is not opaque."""
    name, first = frame.format.name, frame.planes[0]
    samples: NDArray
    if name in GREY_WITH_ALPHA:
        dtype = np.dtype(GREY_WITH_ALPHA[name])
        rows = np.frombuffer(memoryview(first), dtype).reshape(-1, first.line_size // dtype.itemsize)
        samples = rows[: frame.height, : 2 * frame.width].astype(dtype.newbyteorder("="))
    elif sample_bits(frame) > 8 or name == "gray":  # FFmpeg's scaler would take this grey for limited range
        samples = frame.to_ndarray()  # ValueError for formats that PyAV does not know
    else:
        samples = frame.to_ndarray(format="rgba")
    samples = samples.reshape(frame.height, frame.width, -1)
    channels = samples.shape[2]
    if channels % 2 == 0 and samples[..., -1].min() < (1 << sample_bits(frame)) - 1:
        raise ValueError("it has transparent parts")
    return samples[..., :3] if channels > 2 else samples[..., :1].repeat(3, axis=2)


def frame_from_picture(picture: Picture) -> av.VideoFrame:
    """Copy a Picture into a frame for an encoder."""
    height, width = picture.y.shape
    frame = av.VideoFrame(width, height, PIXEL_FORMATS[picture.chroma, picture.bit_depth])
    for plane, samples in zip(frame.planes, picture.planes, strict=True):
        little = np.ascontiguousarray(samples, samples.dtype.newbyteorder("<"))
        target = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: len(little)]
        target[:, : little.shape[1] * little.itemsize] = little.view(np.uint8)
    return frame
