"""Compute the DCT SATD of a batch: LANES blocks of one size, one block in each lane of a vector (`codecnn.vectors`).

The DCT-II of the whole block is taken in float32, rows before columns, by the algorithm of B. G. Lee ("A new algorithm
to compute the discrete cosine transform", IEEE Trans. ASSP 32, 1984). The sums of opposite samples give the even
frequencies. Their differences, divided by 2 cos, give the odd frequencies once neighbours are added. Both halves are
transformed in the same way. Up to 16 points stay in registers. Longer transforms leave their frequencies in another
order, which does not change a sum. The compiler reorders nothing, so the sums are the same on every machine.
"""

import numpy as np
from numba import njit

from codecnn.vectors import Vector, Vectors, load, load_4, spread, store, store_4, to_float


def _secants(size: int) -> np.ndarray:
    """Return 1 / (2 cos) at the sampling points in the first half of the first odd frequency."""
    angles = np.pi * (2 * np.arange(size // 2) + 1) / (2 * size)
    return (0.5 / np.cos(angles)).astype(np.float32)


_ROOT_HALF = _secants(2)[0]
_SECANTS_4, _SECANTS_8, _SECANTS_16, _SECANTS_32, _SECANTS_64 = (_secants(size) for size in (4, 8, 16, 32, 64))


@njit(nogil=True)
def transform_rows(
    original: np.ndarray,
    first: int,
    predicted: np.ndarray,
    rows: int,
    width: int,
    scratch: np.ndarray,
    coefficients: np.ndarray,
) -> None:
    """Transform some rows of the residual into rows of coefficients that are width + 1 positions apart.

    The rows begin at position `first` of the original and at the beginning of the prediction. The odd distance
    spreads a column over the cache. scratch: 64 positions of float32.
    """
    for row in range(rows):
        i, j = first + row * width, row * width
        out = i + i // width
        if width == 4:
            store_4(coefficients, out, _unit(_dct_4(_residual_4(original, i, predicted, j))))
        elif width == 8:
            points = _unit(_dct_8(_residual_8(original, i, predicted, j)))
            store_4(coefficients, out, points[:4])
            store_4(coefficients, out + 4, points[4:])
        elif width == 16:
            residual = _residual_8(original, i, predicted, j) + _residual_8(original, i + 8, predicted, j + 8)
            _store_16(coefficients, out, _unit(_dct_16(residual)))
        else:
            for k in range(16):
                a = _residual(original, i + k, predicted, j + k)
                b = _residual(original, i + 31 - k, predicted, j + 31 - k)
                if width == 32:
                    _fold_32(a, b, k, scratch)
                else:
                    c = _residual(original, i + 32 + k, predicted, j + 32 + k)
                    d = _residual(original, i + 63 - k, predicted, j + 63 - k)
                    _fold_64(a, b, c, d, k, scratch)
            _store_16(coefficients, out, _unit(_quarter(scratch, 0)))
            _store_16(coefficients, out + 16, _join(_quarter(scratch, 1)))
            if width == 64:
                third, fourth = _odd_quarters(scratch)
                _store_16(coefficients, out + 32, third)
                _store_16(coefficients, out + 48, fourth)


@njit(nogil=True)
def column_sums(coefficients: np.ndarray, width: int, height: int, scratch: np.ndarray) -> Vector:
    """Transform the columns that `transform_rows` wrote and sum the |coefficients|, orthonormal x sqrt(w x h) / 2."""
    total = spread(np.float32(0))
    stride = width + 1
    for x in range(width):
        if height == 4:
            total += _magnitude_4(_unit(_dct_4(load_4(coefficients, x, stride))))
        elif height == 8:
            points = _unit(_dct_8(_load_8(coefficients, x, stride)))
            total += _magnitude_4(points[:4]) + _magnitude_4(points[4:])
        elif height == 16:
            total += _magnitude_16(_unit(_dct_16(_load_16(coefficients, x, stride))))
        else:
            _fold_column(coefficients, x, stride, height, scratch)
            total += _magnitude_16(_unit(_quarter(scratch, 0))) + _magnitude_16(_join(_quarter(scratch, 1)))
            if height == 64:
                third, fourth = _odd_quarters(scratch)
                total += _magnitude_16(third) + _magnitude_16(fourth)
    return total


@njit(nogil=True)
def transform_column(
    coefficients: np.ndarray, x: int, width: int, height: int, scratch: np.ndarray, out: np.ndarray
) -> None:
    """Transform one column that `transform_rows` wrote: coefficients, orthonormal x sqrt(w x h) / 2, at their places.

    scratch: 64 positions of float32; out: one for each frequency, in the order of `place_of`.
    """
    stride = width + 1
    if height == 4:
        store_4(out, 0, _unit(_dct_4(load_4(coefficients, x, stride))))
    elif height == 8:
        points = _unit(_dct_8(_load_8(coefficients, x, stride)))
        store_4(out, 0, points[:4])
        store_4(out, 4, points[4:])
    elif height == 16:
        _store_16(out, 0, _unit(_dct_16(_load_16(coefficients, x, stride))))
    else:
        _fold_column(coefficients, x, stride, height, scratch)
        _store_16(out, 0, _unit(_quarter(scratch, 0)))
        _store_16(out, 16, _join(_quarter(scratch, 1)))
        if height == 64:
            third, fourth = _odd_quarters(scratch)
            _store_16(out, 32, third)
            _store_16(out, 48, fourth)


@njit(nogil=True, forceinline=True)
def _fold_column(coefficients: np.ndarray, x: int, stride: int, height: int, scratch: np.ndarray) -> None:
    """Compute the first stage of a column of 32 points, or the first two of 64."""
    for k in range(16):
        a, b = load(coefficients, x + k * stride), load(coefficients, x + (31 - k) * stride)
        if height == 32:
            _fold_32(a, b, k, scratch)
        else:
            c = load(coefficients, x + (32 + k) * stride)
            _fold_64(a, b, c, load(coefficients, x + (63 - k) * stride), k, scratch)


@njit(nogil=True, forceinline=True)
def place_of(frequency: int, size: int) -> int:
    """Return where the transforms of a size leave a frequency."""
    if size <= 16:
        return frequency
    if size == 32:
        return 16 * (frequency & 1) + (frequency >> 1)
    return 32 * (frequency & 1) + 16 * (frequency >> 1 & 1) + (frequency >> 2)


@njit(nogil=True, forceinline=True)
def _fold_32(a: Vector, b: Vector, k: int, scratch: np.ndarray) -> None:
    """Compute the first stage of 32 points, for the points k and 31 - k."""
    store(scratch, k, a + b)
    store(scratch, 16 + k, (a - b) * _SECANTS_32[k])


@njit(nogil=True, forceinline=True)
def _fold_64(a: Vector, b: Vector, c: Vector, d: Vector, k: int, scratch: np.ndarray) -> None:
    """Compute the first two stages of 64 points, for the points k, 31 - k, 32 + k and 63 - k."""
    even, even_opposite = a + d, b + c
    odd, odd_opposite = (a - d) * _SECANTS_64[k], (b - c) * _SECANTS_64[31 - k]
    store(scratch, k, even + even_opposite)
    store(scratch, 16 + k, (even - even_opposite) * _SECANTS_32[k])
    store(scratch, 32 + k, odd + odd_opposite)
    store(scratch, 48 + k, (odd - odd_opposite) * _SECANTS_32[k])


@njit(nogil=True, forceinline=True)
def _quarter(scratch: np.ndarray, quarter: int) -> Vectors:
    return _dct_16(_load_16(scratch, 16 * quarter, 1))


@njit(nogil=True, forceinline=True)
def _odd_quarters(scratch: np.ndarray) -> tuple[Vectors, Vectors]:
    """Return the odd frequencies of 64 points: the sums of neighbours among the 32 frequencies of the differences."""
    even, odd = _quarter(scratch, 2), _join(_quarter(scratch, 3))
    return _add_16(even, odd), _add_16(odd, (*even[1:], spread(np.float32(0))))


@njit(nogil=True, forceinline=True)
def _unit(points: Vectors) -> Vectors:
    """Scale the mean, the first frequency, to the norm of the others."""
    return (points[0] * _ROOT_HALF, *points[1:])


@njit(nogil=True, forceinline=True)
def _dct_4(x: Vectors) -> Vectors:
    w = _SECANTS_4
    p, q = x[0] + x[3], x[1] + x[2]
    r, s = (x[0] - x[3]) * w[0], (x[1] - x[2]) * w[1]
    odd = (r - s) * _ROOT_HALF
    return p + q, r + s + odd, (p - q) * _ROOT_HALF, odd


@njit(nogil=True, forceinline=True)
def _dct_8(x: Vectors) -> Vectors:
    w = _SECANTS_8
    s = _dct_4((x[0] + x[7], x[1] + x[6], x[2] + x[5], x[3] + x[4]))
    t = _dct_4(((x[0] - x[7]) * w[0], (x[1] - x[6]) * w[1], (x[2] - x[5]) * w[2], (x[3] - x[4]) * w[3]))
    return s[0], t[0] + t[1], s[1], t[1] + t[2], s[2], t[2] + t[3], s[3], t[3]


@njit(nogil=True, forceinline=True)
def _dct_16(x: Vectors) -> Vectors:
    w = _SECANTS_16
    a, b, c, d = x[0] + x[15], x[1] + x[14], x[2] + x[13], x[3] + x[12]
    s = _dct_8((a, b, c, d, x[4] + x[11], x[5] + x[10], x[6] + x[9], x[7] + x[8]))
    a, b, c, d = (x[0] - x[15]) * w[0], (x[1] - x[14]) * w[1], (x[2] - x[13]) * w[2], (x[3] - x[12]) * w[3]
    e, f, g, h = (x[4] - x[11]) * w[4], (x[5] - x[10]) * w[5], (x[6] - x[9]) * w[6], (x[7] - x[8]) * w[7]
    t = _dct_8((a, b, c, d, e, f, g, h))
    low = (s[0], t[0] + t[1], s[1], t[1] + t[2], s[2], t[2] + t[3], s[3], t[3] + t[4])
    return (*low, s[4], t[4] + t[5], s[5], t[5] + t[6], s[6], t[6] + t[7], s[7], t[7])


@njit(nogil=True, forceinline=True)
def _join(t: Vectors) -> Vectors:
    """Turn the frequencies of the differences into odd frequencies: the sums of neighbours."""
    return _add_16(t, (*t[1:], spread(np.float32(0))))


@njit(nogil=True, forceinline=True)
def _add_4(s: Vectors, t: Vectors) -> Vectors:
    return s[0] + t[0], s[1] + t[1], s[2] + t[2], s[3] + t[3]


@njit(nogil=True, forceinline=True)
def _add_16(s: Vectors, t: Vectors) -> Vectors:
    return _add_4(s[:4], t[:4]) + _add_4(s[4:8], t[4:8]) + _add_4(s[8:12], t[8:12]) + _add_4(s[12:], t[12:])


@njit(nogil=True, forceinline=True)
def _magnitude_4(x: Vectors) -> Vector:
    return (abs(x[0]) + abs(x[1])) + (abs(x[2]) + abs(x[3]))


@njit(nogil=True, forceinline=True)
def _magnitude_16(x: Vectors) -> Vector:
    return (_magnitude_4(x[:4]) + _magnitude_4(x[4:8])) + (_magnitude_4(x[8:12]) + _magnitude_4(x[12:]))


@njit(nogil=True, forceinline=True)
def _residual(original: np.ndarray, i: int, predicted: np.ndarray, j: int) -> Vector:
    return to_float(load(original, i) - load(predicted, j))


@njit(nogil=True, forceinline=True)
def _residual_4(original: np.ndarray, i: int, predicted: np.ndarray, j: int) -> Vectors:
    a, b = _residual(original, i, predicted, j), _residual(original, i + 1, predicted, j + 1)
    return a, b, _residual(original, i + 2, predicted, j + 2), _residual(original, i + 3, predicted, j + 3)


@njit(nogil=True, forceinline=True)
def _residual_8(original: np.ndarray, i: int, predicted: np.ndarray, j: int) -> Vectors:
    return _residual_4(original, i, predicted, j) + _residual_4(original, i + 4, predicted, j + 4)


@njit(nogil=True, forceinline=True)
def _load_8(data: np.ndarray, position: int, stride: int) -> Vectors:
    return load_4(data, position, stride) + load_4(data, position + 4 * stride, stride)


@njit(nogil=True, forceinline=True)
def _load_16(data: np.ndarray, position: int, stride: int) -> Vectors:
    return _load_8(data, position, stride) + _load_8(data, position + 8 * stride, stride)


@njit(nogil=True, forceinline=True)
def _store_16(data: np.ndarray, position: int, values: Vectors) -> None:
    store_4(data, position, values[:4])
    store_4(data, position + 4, values[4:8])
    store_4(data, position + 8, values[8:12])
    store_4(data, position + 12, values[12:])
