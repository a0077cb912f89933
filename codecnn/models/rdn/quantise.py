"""Convert an Rdn to integers: fold residual connections into the weights, and choose the scales by calibration."""

import math
from collections import defaultdict
from collections.abc import Iterable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from codecnn.models.in_loop_filter import Windows
from codecnn.models.rdn.integer import (
    HEADROOM,
    OUTPUT_BITS,
    QP_BITS,
    SAMPLE_BITS,
    IntegerRdn,
    Wire,
    channels_of,
    wiring,
)
from codecnn.models.rdn.integer_conv import LIMIT, MAX_SHIFT, IntegerConv, fits
from codecnn.models.rdn.network import Rdn
from codecnn.models.rdn.planes import QP_PLANE


def quantise(model: Rdn, calibration: Iterable[Windows[Tensor]]) -> IntegerRdn:
    """Return the network in integers, with scales that suit the features of the calibration windows.

    All scales are powers of two. The features of a tensor have the finest scale that leaves HEADROOM; the weights of an
    output channel have the finest scale at which no sum can overflow. ValueError if there are no windows, if features
    are not finite, if weights are too large for any scale, or if channels are weighed (see `wiring`).
    """
    model = model.merged()
    config = model.config
    wires, channels = wiring(config), channels_of(config)
    bits = {name: np.zeros(count, np.int64) for name, count in channels.items()}  # fractional bits of each channel
    bits["planes"][:] = SAMPLE_BITS
    bits["planes"][QP_PLANE] = QP_BITS
    largest = _largest_features(model, wires, calibration)
    if largest.keys() != wires.keys() or not all(map(math.isfinite, largest.values())):
        raise ValueError("the network's features are not finite, or there is nothing to calibrate on")
    convs = {}
    for name, wire in wires.items():
        weight, bias = _folded(model, name)
        scales = -np.concatenate([bits[source] for source in wire.sources])
        wanted = OUTPUT_BITS if name == "last" else math.floor(math.log2(LIMIT / HEADROOM / max(largest[name], 1e-6)))
        convs[name], bits[name][:] = _integer_conv(np.ldexp(weight, scales[:, None, None]), bias, wanted)
    if (bits["last"] != OUTPUT_BITS).any():
        raise ValueError("the weights are too large for a network of integers")
    return IntegerRdn(config, convs)


def _integer_conv(weight: NDArray[np.float64], bias: NDArray[np.float64], wanted: int) -> tuple[IntegerConv, int]:
    """Return the convolution in units of its input, and the fractional bits of its output, at most `wanted`."""
    finest = np.full(len(bias), wanted + MAX_SHIFT)  # fractional bits of the sums of each output

    def rounded() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.rint(np.ldexp(weight, finest[:, None, None, None])), np.rint(np.ldexp(bias, finest))

    while not (good := fits(*rounded(), np.full(len(bias), MAX_SHIFT))).all():
        finest -= ~good
    bits = min(wanted, int(finest.min()))
    integers, start = rounded()
    return IntegerConv(integers.astype(np.int16), start.astype(np.int32), (finest - bits).astype(np.uint8)), bits


def _folded(model: Rdn, name: str) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weights and biases of a convolution, with residual connections folded in as `wiring` describes."""
    conv = model.get_submodule(name)
    assert isinstance(conv, nn.Conv2d)
    assert conv.bias is not None
    weight, bias = (tensor.detach().double().cpu().numpy() for tensor in (conv.weight, conv.bias))
    config = model.config
    if name.startswith("blocks") and name.endswith("fuse") and config.inner_residual:
        weight = weight.copy()
        weight[:, : config.channels, 0, 0] += np.eye(config.channels)
    if name == "last" and config.global_residual:
        weight = np.concatenate([weight, weight], 1)
    return weight, bias


@torch.inference_mode()
def _largest_features(model: Rdn, wires: dict[str, Wire], calibration: Iterable[Windows[Tensor]]) -> dict[str, float]:
    """Return the largest magnitude in the output of each convolution; NaN if the output has a NaN."""
    largest: dict[str, float] = defaultdict(float)

    def watch(name: str, relu: bool) -> None:
        def note(_module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
            here = float((output.relu() if relu else output).abs().max())
            largest[name] = float(np.maximum(largest[name], here))  # maximum keeps NaN

        # The block's output is what its `fuse` gives once the residual is folded in.
        module = model.get_submodule(name.removesuffix(".fuse") if name.startswith("blocks") else name)
        handles.append(module.register_forward_hook(note))

    handles: list[torch.utils.hooks.RemovableHandle] = []
    try:
        for name, wire in wires.items():
            watch(name, wire.relu)
        for windows in calibration:
            model(windows)
    finally:
        for handle in handles:
            handle.remove()
    return largest
