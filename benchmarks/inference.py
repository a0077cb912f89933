"""How fast whole pictures are filtered, and what the network alone takes of it.

A picture of 416x240 CTU by CTU, random weights, float32; PyTorch, the same network in 16-bit integers, and onnxruntime
where it is installed, take turns in the same run, and for information bf16 by autocast, which filters do not use.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import os
from collections.abc import Callable
from pathlib import Path
from statistics import median

import torch

from codecnn.inference.filtering import ctu_windows, filter_picture, planes_of
from codecnn.models.rdn.macs import kmac_per_sample
from codecnn.models.rdn.quantise import quantise
from codecnn.video.picture import Picture
from experiments.reports.complexity.measure import (
    CTU,
    HEIGHT,
    WIDTH,
    Network,
    find_network,
    in_turns,
    onnx_filter,
    random_picture,
)

CONFIGS = Path(__file__).parent.parent / "experiments" / "configs"
ROUNDS, CTUS, BATCH = 5, 8, 8


def ways(network: Network, picture: Picture) -> dict[str, Callable[[], object]]:
    """What is measured; each filters as many CTUs as the picture has."""
    model = network.model
    side = CTU + 2 * model.config.margin
    planes = torch.rand((BATCH, model.config.planes, side, side)).to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def alone(bf16: bool) -> None:
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            model(planes)

    windows = ctu_windows(model.config, picture, picture, CTU)
    integers = quantise(model, [planes_of(model.config, windows, 32, picture.bit_depth)])
    measured: dict[str, Callable[[], object]] = {
        "filter_picture": lambda: filter_picture(model, picture, picture, 32, CTU),
        "the same in int16": lambda: filter_picture(integers, picture, picture, 32, CTU),
        "the network alone": lambda: alone(False),
        "the network in bf16": lambda: alone(True),
    }
    if by_onnx := onnx_filter(network, picture):
        measured["onnxruntime"] = by_onnx
    return measured


def main() -> None:
    """Print the figures."""
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads of {os.cpu_count()} cores, {WIDTH}x{HEIGHT}")
    print(f"{'':10}{'kMAC/px':>9}   {'':22}{'frames/s':>9}{'CTU/s':>8}{'speed':>7}")
    picture = random_picture()
    for name in ("rdn_s", "rdn_m"):
        network = find_network(str(CONFIGS / f"{name}.yaml"))
        cost, seconds = kmac_per_sample(network.model.config), in_turns(ways(network, picture), ROUNDS)
        for way, times in seconds.items():
            ratio = median(a / b for a, b in zip(seconds["filter_picture"], times, strict=True))
            rate = 1 / median(times)
            print(f"{name:10}{cost:9.0f}   {way:22}{rate:9.2f}{rate * CTUS:8.1f}{ratio:7.2f}")


if __name__ == "__main__":
    main()
