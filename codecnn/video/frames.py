"""Convert between pictures and PyAV frames."""

from itertools import product

import av
import numpy as np

from codecnn.video.picture import BIT_DEPTHS, SCALES, Picture, VideoFormat

# FFmpeg's planar, little-endian pixel formats by chroma format and bit depth.
PIXEL_FORMATS = {
    (chroma, depth): ("gray" if chroma == "400" else f"yuv{chroma}p") + ("" if depth == 8 else f"{depth}le")
    for chroma, depth in product(SCALES, BIT_DEPTHS)
}
# Formats whose planes are copied unchanged -> chroma format and bit depth; "j" means full range.
PLANAR = {name: pair for pair, name in PIXEL_FORMATS.items()}
PLANAR |= {f"yuvj{chroma}p": (chroma, 8) for chroma in ("420", "422", "444")}


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


def frame_from_picture(picture: Picture) -> av.VideoFrame:
    """Copy a Picture into a frame for an encoder."""
    height, width = picture.y.shape
    frame = av.VideoFrame(width, height, PIXEL_FORMATS[picture.chroma, picture.bit_depth])
    for plane, samples in zip(frame.planes, picture.planes, strict=True):
        little = np.ascontiguousarray(samples, samples.dtype.newbyteorder("<"))
        target = np.frombuffer(memoryview(plane), np.uint8).reshape(-1, plane.line_size)[: len(little)]
        target[:, : little.shape[1] * little.itemsize] = little.view(np.uint8)
    return frame
