"""Measure the speed of the label engine on one thread: python -m benchmarks.labels.

Prints thousand blocks and million samples per second of CPU time, for 67 modes and 10 bits, the best of several runs.
The first columns are for prediction with the Hadamard SATD, and for the DCT SATD on top of it, both without gathering
samples, as encoders are measured. The last columns are for the complete labels of a picture, compared with the time of
`codecnn.intra`, `codecnn.transforms` and scipy for some of its blocks.
"""

import contextlib
import sys
import time
from collections.abc import Callable, Sequence

import numpy as np
from numba import njit
from skimage.color import rgb2gray
from skimage.data import astronaut

from codecnn.intra import vvc
from codecnn.intra.block_size import SHAPES, SQUARES, BlockSize
from codecnn.intra.references import reference_samples
from codecnn.labels.mode_sets import ModeSet, largest_ctu, mode_table
from codecnn.labels.numba_engine.dct import column_sums, transform_rows
from codecnn.labels.numba_engine.hadamard import half_sums_4, half_sums_8
from codecnn.labels.numba_engine.prediction import Strip, predict_rows
from codecnn.labels.numba_engine.references import References, empty_references, extend_side, prepare_references
from codecnn.labels.search import label_picture
from codecnn.transforms.reference import dct_satd, satd
from codecnn.vectors import LANES, load, store

BIT_DEPTH, CTU = 10, 128
# Thousand blocks/s of vvenc 1.15, AVX2, prediction and Hadamard SATD, on another machine.
VVENC = {8: 149.0, 16: 67.0, 32: 22.9}


@njit(nogil=True)
def hadamard_costs(
    batch: np.ndarray, references: References, modes: np.ndarray, size: int, predicted: np.ndarray, costs: np.ndarray
) -> None:
    """Predict a batch with every mode and compute its Hadamard SATD."""
    tile, scratch = min(size, 8), np.empty(64 * LANES, batch.dtype)
    for number in range(modes.size):
        mode = modes[number]
        if mode["angle"] < 0:
            extend_side(references, mode, size)
        for row in range(0, size, tile):
            predict_rows(references, mode, Strip(row, tile, size, size), predicted)
            if size == 4:
                store(costs, number, half_sums_4(batch, 0, predicted, size, scratch))
            else:
                previous = load(costs, number) * min(row, 1)
                store(costs, number, previous + half_sums_8(batch, row * size, predicted, size, scratch))


@njit(nogil=True)
def dct_costs(batch: np.ndarray, count: int, size: int, predicted: np.ndarray, costs: np.ndarray) -> None:
    """Compute the DCT SATD of `count` residuals."""
    tile, scratch = min(size, 8), np.empty(64 * LANES, np.float32)
    coefficients = np.empty(size * (size + 1) * LANES, np.float32)
    for number in range(count):
        for row in range(0, size, tile):
            transform_rows(batch, row * size, predicted, tile, size, scratch, coefficients)
        store(costs, number, column_sums(coefficients, size, size, scratch))


def seconds(function: Callable[..., object], *args: object) -> float:
    """Measure the CPU time of one call: the best of 7 measurements of 20 ms or more."""
    function(*args)
    repeats, best = 1, 0.0
    while best < 0.02:
        repeats *= 2
        best = measure(repeats, function, *args)
    return min(best, *(measure(repeats, function, *args) for _ in range(6))) / repeats


def measure(repeats: int, function: Callable[..., object], *args: object) -> float:
    """Measure the CPU time of this process for some calls."""
    start = time.process_time()
    for _ in range(repeats):
        function(*args)
    return time.process_time() - start


def plain_labels(picture: np.ndarray, size: int, count: int) -> None:
    """Label some blocks on the diagonal of the picture without the engine."""
    for number in range(count):
        x, y = (length // size * number // count * size for length in picture.shape[::-1])
        refs = reference_samples(picture, x, y, size, size, CTU, BIT_DEPTH)
        predicted = np.stack([vvc.predict(refs, size, size, mode, BIT_DEPTH) for mode in range(vvc.MODES)])
        block = picture[y : y + size, x : x + size]
        satd(block, predicted).argmin()
        dct_satd(block, predicted).argmin()


def picture_1080p() -> np.ndarray:
    """Make a natural picture of 1920x1080, 10 bits, with noise in the lower bits."""
    tiled = np.tile(rgb2gray(astronaut()), (3, 4))[:1080, :1920]
    noise = np.random.default_rng(0).integers(0, 4, tiled.shape)
    filled: np.ndarray = np.clip(1023 * tiled + noise, 0, 1023)
    return filled.astype(np.uint16)


def main() -> None:
    """Print the tables."""
    rng, picture = np.random.default_rng(0), picture_1080p()
    start = time.perf_counter()
    label_picture(picture[:128, :128], picture[:128, :128], BIT_DEPTH)
    print(f"first call, compiling what is not cached: {time.perf_counter() - start:.1f} s")
    print("         prediction + Hadamard          the DCT on top              labels of a picture, both transforms")
    print("size    kblk/s   Mpx/s  vs vvenc*    kblk/s   Mpx/s  time vs Had.     kblk/s   Mpx/s  vs plain")
    for size in (block.width for block in SQUARES):
        references = empty_references(size, size, BIT_DEPTH)
        references.samples[:] = rng.integers(0, 1 << BIT_DEPTH, references.samples.size)
        prepare_references(references, size, size)
        modes, shape = mode_table("vvc-67", BlockSize(size, size)), size * size * LANES
        batch, predicted = rng.integers(0, 1 << BIT_DEPTH, (2, shape)).astype(references.samples.dtype)
        sums, costs = np.zeros(modes.size * LANES, np.int32), np.zeros(modes.size * LANES, np.float32)
        hadamard = seconds(hadamard_costs, batch, references, modes, size, predicted, sums) / LANES
        dct = seconds(dct_costs, batch, modes.size, size, predicted, costs) / LANES
        blocks = (1080 // size) * (1920 // size)
        whole = seconds(label_picture, picture, picture, BIT_DEPTH, (BlockSize(size, size),), CTU) / blocks
        plain = seconds(plain_labels, picture, size, 4) / 4
        pixels = size * size * 1e-6
        ratio = f"{1e-3 / hadamard / VVENC[size]:.1f}" if size in VVENC else ""
        print(
            f"{size:4d} {1e-3 / hadamard:9.1f} {pixels / hadamard:7.1f} {ratio:>9}"
            f" {1e-3 / dct:10.1f} {pixels / dct:7.1f} {dct / hadamard:13.2f}"
            f" {1e-3 / whole:10.1f} {pixels / whole:7.1f} {plain / whole:9.0f}"
        )
    settings: tuple[tuple[str, Sequence[BlockSize], ModeSet], ...] = (
        ("square blocks, 67 modes", SQUARES, "vvc-67"),
        ("all 25 shapes, 67 modes", SHAPES, "vvc-67"),
        ("all 25 shapes, 3 reference lines", SHAPES, "vvc-67-mrl"),
        ("square blocks, 35 modes of HEVC", SQUARES[:4], "hevc-35"),
    )
    for what, sizes, mode_set in settings:
        start = time.perf_counter()
        label_picture(picture, picture, BIT_DEPTH, sizes, largest_ctu(mode_set), mode_set)
        print(f"1920x1080, both transforms, {what}: {time.perf_counter() - start:.2f} s")
    with contextlib.suppress(ImportError):  # Windows does not have it
        import resource

        unit = 1 if sys.platform == "darwin" else 1024  # bytes on macOS, else KiB
        peak = unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"peak memory of the process: {peak / 2**20:.0f} MiB")


if __name__ == "__main__":
    main()
