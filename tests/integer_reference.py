"""A network of integers by plain int64 arithmetic, one structure after the other as a paper would draw it."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from codecnn.models.rdn.integer import IntegerRdn
from codecnn.video.picture import Plane

Features = NDArray[np.int64]  # (channels, height, width)


def filter_window(
    network: IntegerRdn, window: list[Plane], qp: int, bit_depth: int
) -> tuple[Features, dict[str, Features]]:
    """The filtered luma of one window of every plane, and what each convolution made on the way."""
    config, peak = network.config, (1 << bit_depth) - 1
    made: dict[str, Features] = {}

    def conv(x: Features, name: str, padding: int = 0, stride: int = 1, relu: bool = False) -> Features:
        layer = network.convs[name]
        side = layer.weight.shape[2]
        patches = sliding_window_view(np.pad(x, ((0, 0), (padding,) * 2, (padding,) * 2)), (side, side), (1, 2))
        total = np.einsum("oikl,ihwkl->ohw", layer.weight.astype(np.int64), patches[:, ::stride, ::stride])
        total += layer.bias.astype(np.int64)[:, None, None]
        scale = 2 ** layer.shift.astype(np.int64)[:, None, None]
        assert np.abs(total).max() + scale.max() // 2 < 2**31
        made[name] = np.clip((total + scale // 2) // scale, 0 if relu else -32767, 32767)
        return made[name]

    planes = planes_of(network, window, qp, bit_depth)
    odd_rows, odd_columns = (n % config.stride for n in planes.shape[1:])
    planes = np.pad(planes, ((0, 0), (0, odd_rows), (0, odd_columns)), mode="edge")
    x = shallow = conv(planes, "shallow", stride=config.stride)
    if config.head == "two 3x3":
        x = conv(shallow, "entry")
    outputs = []
    for block in range(config.blocks):
        for layer in range(config.convolutions - 1):
            x = np.concatenate([x, conv(x, f"blocks.{block}.layers.{layer}", padding=1, relu=True)])
        x = conv(x, f"blocks.{block}.fuse")
        outputs.append(x)
    x = conv(conv(np.concatenate(outputs), "fuse.0"), "fuse.1", padding=1)
    if config.global_residual:
        crop = (shallow.shape[1] - x.shape[1]) // 2
        x = np.concatenate([x, shallow[:, crop : crop + x.shape[1], crop : crop + x.shape[2]]])
    last = conv(x, "last", padding=1)
    residual = np.empty((last.shape[1] * config.stride, last.shape[2] * config.stride), np.int64)
    for phase, plane in enumerate(last):
        residual[phase // config.stride :: config.stride, phase % config.stride :: config.stride] = plane
    residual = residual[: residual.shape[0] - odd_rows, : residual.shape[1] - odd_columns]
    cut, margin = config.margin - 2, config.margin
    luma = (residual[cut : len(residual) - cut, cut : residual.shape[1] - cut] * peak + 2**14) // 2**15
    if config.residual_output:
        luma = luma + window[0][margin:-margin, margin:-margin]
    return np.clip(luma, 0, peak), made


def planes_of(network: IntegerRdn, window: list[Plane], qp: int, bit_depth: int) -> Features:
    """Samples over the peak in 2^-15, to the nearest, chroma repeated or mid-grey, and QP / 64 in 2^-13."""
    config, peak = network.config, (1 << bit_depth) - 1
    y, *others = window
    height, width = y.shape
    rows, columns = np.arange(height)[:, None], np.arange(width)
    planes = np.full((config.planes, height, width), 2 ** (bit_depth - 1), np.int64)
    planes[0] = y
    if config.input == "both":
        planes[4] = others.pop()
    for index, plane in enumerate(others, start=1):
        planes[index] = plane[rows // -(-height // plane.shape[0]), columns // -(-width // plane.shape[1])]
    planes = (2 * planes * 2**15 + peak) // (2 * peak)
    planes[3] = qp * 2**13 // 64
    return np.clip(planes, -32767, 32767)
