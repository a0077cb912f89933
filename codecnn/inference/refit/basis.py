"""Hold the directions in which a last convolution is corrected, and make them once from training pictures.

The directions are whitened: over the training pictures, a correction by one unit along a direction changes the filtered
luma by 1/256 of the peak (root mean square), and the changes along two directions are not correlated. So the same step
of quantisation suits all coefficients, and their squared errors add up. Within these conditions the directions are
rotated so that the best corrections of the training pictures have coefficients that are not correlated either, and most
of them are small.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save as to_bytes

from codecnn.errors import InputError
from codecnn.inference.refit.statistics import Statistics
from codecnn.io.files import require_file, write_whole
from codecnn.models.weights_header import Notes

FORMAT = "codecnn-refit-1"
UNIT = 256.0  # a coefficient of 1 is a change of 1 / UNIT of the peak
FLOOR = 1e-7  # directions with a smaller share of the largest variance are left out: float32 does not hold them
SHRINKAGE = 0.3  # of the correlations of coefficients towards none, so that few pictures are enough
RIDGE = 0.03  # added to the variances, about 1, before coefficients are solved for
BITS = 30  # of the largest number of `directions`
SCALE = 4  # classes to an octave


@dataclass(frozen=True, eq=False)
class Basis:
    """Hold K directions as integers: their entries are in units of 2^exponent.

    directions: (9 C + 1, K) int32. classes: (K,) int32, how large coefficients are: SCALE log2 of their root mean
    square, compared with that of the first. ValueError for other shapes or types.
    """

    directions: NDArray[np.int32]
    classes: NDArray[np.int32]
    exponent: int

    def __post_init__(self) -> None:
        arrays = self.directions, self.classes
        if self.directions.ndim != 2 or self.classes.shape != self.directions.shape[1:] or not self.classes.size:
            raise ValueError(f"directions and classes are {self.directions.shape} and {self.classes.shape}")
        if [array.dtype for array in arrays] != [np.int32, np.int32]:
            raise ValueError(f"directions and classes are {self.directions.dtype} and {self.classes.dtype}")
        if not -200 <= self.exponent <= 100:
            raise ValueError(f"an exponent of {self.exponent}")

    @property
    def floats(self) -> NDArray[np.float64]:
        """Return the directions as numbers."""
        return np.ldexp(self.directions.astype(np.float64), self.exponent)


def fit_basis(observed: Sequence[Statistics], multipliers: Sequence[float]) -> Basis:
    """Return a basis for pictures like those that were observed.

    multipliers: the lambda of each, by which its coefficients are weighed: what is coded at a high QP may have larger
    errors. ValueError if nothing can be corrected.
    """
    mean = sum((each.gram / each.samples for each in observed[1:]), observed[0].gram / observed[0].samples)
    variances, vectors = np.linalg.eigh(mean * (UNIT**2 / len(observed)))
    kept = variances > FLOOR * variances[-1]
    if not kept.any():
        raise ValueError("the features of the last convolution are zero")
    white = vectors[:, kept] / np.sqrt(variances[kept])
    products = np.zeros((white.shape[1],) * 2)  # of the coefficients of the best corrections
    for each, multiplier in zip(observed, multipliers, strict=True):
        gram = white.T @ each.gram @ white * (UNIT**2 / each.samples)
        moment = white.T @ each.moment * (UNIT**2 / each.samples)
        best = np.linalg.solve(gram + RIDGE * np.eye(len(gram)), moment)
        products += np.outer(best, best) / multiplier
    products += SHRINKAGE * (np.diag(np.diag(products)) - products)
    squares, rotation = (each[..., ::-1] for each in np.linalg.eigh(products))
    directions = white @ rotation
    sizes = np.maximum(squares / squares[0], 2.0**-40) if squares[0] > 0 else np.ones(len(squares))
    classes = np.rint(SCALE / 2 * np.log2(sizes))
    exponent = int(np.ceil(np.log2(np.abs(directions).max()))) - BITS
    return Basis(np.rint(np.ldexp(directions, -exponent)).astype(np.int32), classes.astype(np.int32), exponent)


def save_basis(path: Path, basis: Basis, weights_sha256: str, notes: Notes) -> None:
    """Write a basis with the SHA-256 of the weights file that it is for, and notes on how it came about."""
    header = {"format": FORMAT, "weights_sha256": weights_sha256, "notes": json.dumps(notes)}
    tensors = {
        "directions": np.ascontiguousarray(basis.directions),
        "classes": basis.classes,
        "exponent": np.array([basis.exponent], np.int32),
    }
    write_whole(path, to_bytes(tensors, header))


def read_basis(path: Path, weights_sha256: str, inputs: int) -> tuple[Basis, Notes]:
    """Return the basis of a file and its notes; InputError if it is damaged, or made for other weights.

    inputs: 9 C + 1 of the network.
    """
    require_file(path)
    try:
        with safe_open(path, framework="numpy") as file:
            header = file.metadata() or {}
            if header.get("format") != FORMAT:
                raise ValueError(f"format {header.get('format')!r:.80}, this version reads {FORMAT!r}")
            if header["weights_sha256"] != weights_sha256:
                raise ValueError("made for other weights")
            directions, classes, exponent = (file.get_tensor(name) for name in ("directions", "classes", "exponent"))
            basis = Basis(directions, classes, int(exponent[0]))
            if len(basis.directions) != inputs:
                raise ValueError(f"directions of {len(basis.directions)} weights, not {inputs}")
            return basis, json.loads(header["notes"])
    except (OSError, SafetensorError, KeyError, IndexError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not a basis to refit these weights in ({error})") from error
