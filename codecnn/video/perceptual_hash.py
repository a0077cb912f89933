"""Find copies of pictures, also cropped, scaled or converted ones, by hashes of some hundred bytes.

A hash is made of the picture at 64 samples on its longer side: its blur is taken away, and only the signs are kept. A
picture is looked for in a hash at many sizes and at all positions. By chance about half of the signs agree; in a copy
more do. A mirrored or turned copy is not found.
"""

import base64
from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from skimage.transform import downscale_local_mean, resize

from codecnn.errors import InputError
from codecnn.video.picture import Plane

SIDE = 64  # samples on the longer side
BLUR = 2.0  # standard deviation in samples: what is coarser is left out
STEP, SIZES = 0.985, 54  # a crop may be down to 45 % of the longer side
LEAST = 14  # samples on the shorter side of what is looked for
ALIKE = 0.52  # the least correlation of a copy; see docs/weights.md


def perceptual_hash(luma: Plane) -> str:
    """Return the hash of a picture as text, such as "64x43:..." with the signs in base64."""
    detail = _detail(_resized(luma.astype(np.float64), 4 * SIDE), SIDE)
    height, width = detail.shape
    return f"{width}x{height}:{base64.b64encode(np.packbits(detail > 0).tobytes()).decode()}"


def find_copies(luma: Plane, hashes: Mapping[str, str]) -> list[str]:
    """Return the names of the pictures that another one seems to be a copy of; InputError for a damaged hash."""
    return [name for name, alike in correlations(luma, hashes).items() if alike >= ALIKE]


def correlations(luma: Plane, hashes: Mapping[str, str]) -> dict[str, float]:
    """Return how much a picture, or what it may be cut from, is like the picture of each hash: 0..1."""
    signs = {name: _signs(text) for name, text in hashes.items()}
    shapes = np.array([sign.shape for sign in signs.values()]).reshape(-1, 2)
    padded = np.zeros((len(signs), SIDE, SIDE))
    for place, sign in enumerate(signs.values()):
        padded[place, : sign.shape[0], : sign.shape[1]] = sign
    spectra = np.fft.rfft2(padded)
    best = np.zeros(len(signs))
    whole = _resized(luma.astype(np.float64), 4 * SIDE)
    for size in range(SIZES):
        detail = np.sign(_detail(whole, round(SIDE * STEP**size))[1:-1, 1:-1])
        if min(detail.shape) < LEAST:
            continue
        detail -= detail.mean()
        norm = float(np.sqrt(np.sum(detail**2) * detail.size)) or 1.0
        room = shapes - detail.shape  # of the positions
        found = np.fft.irfft2(spectra * np.conj(np.fft.rfft2(detail, (SIDE, SIDE))), (SIDE, SIDE)) / norm
        for place in np.flatnonzero((room >= 0).all(1)).tolist():
            rows, columns = room[place] + 1
            best[place] = max(best[place], float(found[place, :rows, :columns].max()))
    return dict(zip(signs, best.tolist(), strict=True))


def _resized(luma: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    factor = max(luma.shape) // (2 * side)
    luma = downscale_local_mean(luma, (factor, factor)) if factor > 1 else luma
    scale = side / max(luma.shape)
    small: NDArray[np.float64] = resize(
        luma, [max(1, round(length * scale)) for length in luma.shape], anti_aliasing=True
    )
    return small


def _detail(luma: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    small = _resized(luma, side)
    detail: NDArray[np.float64] = small - gaussian_filter(small, BLUR)
    return detail


def _signs(text: str) -> NDArray[np.int8]:
    size, _, packed = text.partition(":")
    try:
        width, height = map(int, size.split("x"))
        data = np.frombuffer(base64.b64decode(packed, validate=True), np.uint8)
        if not (1 <= width <= SIDE and 1 <= height <= SIDE and len(data) == -(-width * height // 8)):
            raise ValueError(size)
        return np.unpackbits(data, count=width * height).reshape(height, width).astype(np.int8) * 2 - 1
    except ValueError as error:
        raise InputError(f"{text!r:.80} is no hash of a picture") from error
