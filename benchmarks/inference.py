"""Measure how fast whole pictures are filtered, and which share of the time the network takes.

A picture of 416x240 is filtered CTU by CTU with random weights: by PyTorch in float32, in 16-bit integers, and by
onnxruntime if it is installed. They take turns in one run. The network in bf16 is timed for information only, as
filters do not use it.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import os
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from codecnn.inference.filtering import ctu_windows, filter_picture
from codecnn.models.costs import kmac_per_sample, zero_windows
from codecnn.models.in_loop_filter import to_tensors
from codecnn.models.registry import family_of
from codecnn.video.picture import Picture
from experiments.reports.complexity.measure import (
    CTU,
    HEIGHT,
    WIDTH,
    Named,
    find_network,
    onnx_filter,
    random_picture,
)
from experiments.reports.shared.timing import in_turns

CONFIGS = Path(__file__).parent.parent / "experiments" / "configs"
ROUNDS, CTUS, BATCH = 5, 8, 8


def ways(named: Named, picture: Picture) -> dict[str, Callable[[], object]]:
    """Return the functions to time, by name; each filters as many CTUs as the picture has."""
    network, quantise = named.network, family_of(named.network.config).quantise
    assert quantise is not None
    windows = zero_windows(network.config, BATCH, CTU)

    @torch.inference_mode()
    def network_only(bf16: bool) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            network(windows)

    integers = quantise(network, [to_tensors(ctu_windows(network.config, picture, picture, 32, CTU))])
    measured: dict[str, Callable[[], object]] = {
        "filter_picture": lambda: filter_picture(network, picture, picture, 32, CTU),
        "the same in int16": lambda: filter_picture(integers, picture, picture, 32, CTU),
        "the network only": lambda: network_only(False),
        "the network in bf16": lambda: network_only(True),
    }
    if by_onnx := onnx_filter(named, picture):
        measured["onnxruntime"] = by_onnx
    return measured


def main() -> None:
    """Print the figures."""
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads of {os.cpu_count()} cores, {WIDTH}x{HEIGHT}")
    print(f"{'':10}{'kMAC/px':>9}   {'':22}{'frames/s':>9}{'CTU/s':>8}{'speed':>7}")
    picture = random_picture()
    for name in ("rdn_s", "rdn_m"):
        named = find_network(str(CONFIGS / f"{name}.yaml"))
        cost, seconds = kmac_per_sample(named.network), in_turns(ways(named, picture), ROUNDS)
        for way, times in seconds.items():
            ratio = median(a / b for a, b in zip(seconds["filter_picture"], times, strict=True))
            rate = 1 / median(times)
            print(f"{name:10}{cost:9.0f}   {way:22}{rate:9.2f}{rate * CTUS:8.1f}{ratio:7.2f}")


if __name__ == "__main__":
    main()
