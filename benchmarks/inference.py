"""Measure how fast whole pictures are filtered, and which share of what the machine can do that is.

A picture of 768x512 is filtered with random weights, CTU by CTU if nothing else is said: by PyTorch in float32, in
16-bit integers, and by onnxruntime if it is installed. They take turns in one run. The network in bf16 is timed for
information only, as filters do not use it. The multiply-accumulates in integers are compared with those of a plain loop
of the same instructions, which has all its numbers in registers or in the cache nearest to them.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import os
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray

from codecnn.inference.filtering import ctu_windows, filter_picture
from codecnn.models.costs import kmac_per_sample, zero_windows
from codecnn.models.in_loop_filter import to_tensors
from codecnn.models.rdn.integer_tile import SHAPES, Shape, begin, finish, multiply
from codecnn.models.registry import family_of
from codecnn.vectors import LANES
from codecnn.video.picture import Picture
from experiments.reports.complexity.measure import CTU, Named, ctus, find_network, onnx_filter, random_picture
from experiments.reports.shared.timing import in_turns

CONFIGS = Path(__file__).parent.parent / "experiments" / "configs"
HEIGHT, WIDTH = 512, 768
ROUNDS, BATCH = 5, 8
INTEGERS = "the same in int16"
STEPS, TIMES = 200_000, 20  # of the plain loop


@njit(nogil=True)
def plain_loop(shape: Shape, steps: int, numbers: NDArray[np.int32]) -> None:
    """Multiply numbers that are near, and add the products to one tile."""
    sums = begin(shape, numbers, 0)
    for step in range(steps):
        sums = multiply(sums, numbers, step % 4 * LANES * len(shape[0]), numbers, step % 4 * LANES)
    finish(sums, numbers, 0, 0, 1, numbers, 4 * LANES * len(shape[0]), LANES)


def fastest_macs() -> float:
    """Return how many multiply-accumulates in 16-bit integers all threads of PyTorch can do in a second."""
    threads = torch.get_num_threads()
    square = ((0,) * 6,) * 4 if len(SHAPES[0]) == 12 else SHAPES[0]
    numbers = [np.zeros(64 * LANES, np.int32) for _ in range(threads)]

    def seconds(steps: int) -> float:
        started = time.perf_counter()
        list(pool.map(lambda own: plain_loop(square, steps, own), numbers))
        return time.perf_counter() - started

    with ThreadPoolExecutor(threads) as pool:
        seconds(1)  # compiles it
        least = min(seconds(STEPS) for _ in range(TIMES))
    return threads * STEPS * len(square) * len(square[0]) * LANES * 2 / least


def ways(named: Named, picture: Picture) -> dict[str, Callable[[], object]]:
    """Return the functions to time, by name; each filters the picture."""
    network, quantise = named.network, family_of(named.network.config).quantise
    assert quantise is not None
    windows = zero_windows(network.config, BATCH, CTU)

    @torch.inference_mode()
    def network_only(bf16: bool) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            for _ in range(0, ctus(*picture.y.shape), BATCH):
                network(windows)

    calibration = ctu_windows(network.config, picture, picture, 32, CTU).rows(slice(BATCH))
    integers = quantise(network, [to_tensors(calibration)])
    measured: dict[str, Callable[[], object]] = {
        "filter_picture": lambda: filter_picture(network, picture, picture, 32, CTU),
        INTEGERS: lambda: filter_picture(integers, picture, picture, 32, CTU),
        "in int16, one CTU at once": lambda: filter_picture(integers, picture, picture, 32, CTU, batch=1),
        "in int16, whole picture": lambda: filter_picture(integers, picture, picture, 32, CTU, "picture"),
        "the network only": lambda: network_only(False),
        "the network in bf16": lambda: network_only(True),
    }
    if by_onnx := onnx_filter(named, picture):
        measured["onnxruntime"] = by_onnx
    return measured


def main() -> None:
    """Print the figures."""
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads of {os.cpu_count()} cores, {WIDTH}x{HEIGHT}")
    print(f"{'':10}{'kMAC/px':>9}   {'':26}{'frames/s':>9}{'CTU/s':>8}{'speed':>7}")
    picture, count = random_picture(HEIGHT, WIDTH), ctus(HEIGHT, WIDTH)
    for name in ("rdn_xs", "rdn_s", "rdn_m"):
        named = find_network(str(CONFIGS / f"{name}.yaml"), name)
        cost, peak, seconds = kmac_per_sample(named.network), fastest_macs(), in_turns(ways(named, picture), ROUNDS)
        for way, times in seconds.items():
            ratio = median(a / b for a, b in zip(seconds["filter_picture"], times, strict=True))
            rate = 1 / median(times)
            print(f"{name:10}{cost:9.1f}   {way:26}{rate:9.2f}{rate * count:8.1f}{ratio:7.2f}")
        if "onnxruntime" in seconds:
            ratio = median(a / b for a, b in zip(seconds["onnxruntime"], seconds[INTEGERS], strict=True))
            print(f"{name:10}in int16 {ratio:.2f} times onnxruntime")
        speed = 1000 * cost * count * CTU**2 / min(seconds[INTEGERS])
        print(f"{name:10}in int16 {speed / 1e9:.0f} GMAC/s, {speed / peak:.0%} of {peak / 1e9:.0f} by a plain loop")


if __name__ == "__main__":
    main()
