"""Provide the orders in which coefficients and 4x4 groups of them are coded (H.265 6.5.3 to 6.5.5)."""

import numpy as np

DIAGONAL, HORIZONTAL, VERTICAL = 0, 1, 2  # scanIdx


def up_right_diagonal(side: int) -> np.ndarray:
    """Return the positions (x, y) of a square block, diagonal after diagonal, each from bottom left to top right."""
    order = [
        (x, total - x)
        for total in range(2 * side - 1)
        for x in range(max(0, total - side + 1), min(total, side - 1) + 1)
    ]
    return np.array(order)


def _horizontal(side: int) -> np.ndarray:
    return np.array([(x, y) for y in range(side) for x in range(side)])


def _orders(side: int) -> list[np.ndarray]:
    """Return the orders of a block by scanIdx; those that no block of this size has are diagonal as well."""
    diagonal, horizontal = up_right_diagonal(side), _horizontal(side)
    return [diagonal, horizontal, horizontal[:, ::-1]] if side <= 4 else [diagonal] * 3


def _table(sides: tuple[int, ...]) -> np.ndarray:
    """Return the orders by log2 of the side and scanIdx: (sizes, 3, positions, 2), shorter ones filled up with 0."""
    table = np.zeros((len(sides), 3, sides[-1] ** 2, 2), np.int64)
    for size, side in enumerate(sides):
        for index, order in enumerate(_orders(side)):
            table[size, index, : side * side] = order
    return table


# Positions (x, y) in a group of 4x4 coefficients: (3, 16, 2); and of the groups in a block of 1, 2, 4 or 8 groups
# across, by log2 of this number: (4, 3, 64, 2).
IN_GROUP = _table((4,))[0]
GROUPS = _table((1, 2, 4, 8))
