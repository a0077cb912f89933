"""Measure how fast train-filter trains: CTU/s against plain fp32, and the share of time spent waiting for data.

The data are two photographs that come with scikit-image, coded by libx265 at QP 32. The configured precision and plain
fp32 (not channels last) take turns in one run, so that other work on the machine changes both and not their ratio.
"""

import codecnn.torch_settings  # noqa: F401

# isort: split

import contextlib
import io
import json
import os
import tempfile
from pathlib import Path
from statistics import fmean, median

import skimage
import torch

from codecnn.models.costs import kmac_per_sample
from codecnn.models.in_loop_filter import FilterNetwork
from codecnn.models.weights import load_weights
from data_tools.build_dataset import main as build_dataset
from experiments.train_filter import main as train_filter

PHOTOGRAPHS = Path(skimage.__path__[0]) / "data"
CONFIGS = Path(__file__).parent.parent / "experiments" / "configs"
ROUNDS, STEPS, LOG_EVERY = 2, 12, 4
PATCHES_IN_CTU = 4  # of 64x64, in a CTU of 128
VARIANTS = {"as configured": [], "plain fp32": ["--precision=fp32", "--channels_last=false"]}


def run(config: Path, data: Path, out: Path, options: list[str]) -> tuple[float, float]:
    """Return the CTU/s and the share of time spent waiting of a short run; its first steps are left out."""
    steps = [f"--steps={STEPS}", f"--log_every={LOG_EVERY}", "--holdout=0.5", "--validate_frames=1"]
    with contextlib.redirect_stdout(io.StringIO()):
        if train_filter([str(config), "--data", str(data), "--out", str(out), *steps, *options]):
            raise RuntimeError("train-filter failed")
    lines = [json.loads(line) for line in (out / "metrics.jsonl").read_text().splitlines()]
    after_first = [line for line in lines if "loss" in line][1:]
    return fmean(line["samples_per_s"] for line in after_first) / PATCHES_IN_CTU, fmean(
        line["waiting"] for line in after_first
    )


def main() -> None:
    """Print the figures."""
    print(f"PyTorch {torch.__version__}, {torch.get_num_threads()} threads of {os.cpu_count()} cores")
    print(f"{'':10}{'kMAC/px':>9}{'':>16}{'CTU/s':>8}{'of fp32':>9}{'waiting':>9}")
    with tempfile.TemporaryDirectory() as folder:
        data = Path(folder) / "data"
        pictures = [str(PHOTOGRAPHS / f"{name}.png") for name in ("astronaut", "motorcycle_left")]
        with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
            build_dataset([*pictures, "--out", str(data), "--qp", "32", "--no-labels"])
        for name in ("rdn_s", "rdn_m"):
            measured: dict[str, list[tuple[float, float]]] = {variant: [] for variant in VARIANTS}
            for number in range(ROUNDS):
                for variant, options in VARIANTS.items():
                    out = Path(folder) / f"{name} {variant} {number}"
                    measured[variant].append(run(CONFIGS / f"{name}.yaml", data, out, options))
            network = load_weights(out / "last.safetensors")
            assert isinstance(network, FilterNetwork)
            cost = kmac_per_sample(network)
            base = median(speed for speed, _ in measured["plain fp32"])
            for variant, results in measured.items():
                speed, waiting = (median(values) for values in zip(*results, strict=True))
                print(f"{name:10}{cost:9.0f}   {variant:13}{speed:8.1f}{speed / base:9.2f}{waiting:9.1%}")


if __name__ == "__main__":
    main()
