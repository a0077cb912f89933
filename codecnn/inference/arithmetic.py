"""Code binary decisions of known probabilities in bits, by an arithmetic coder in integers.

Witten, Neal, Cleary, "Arithmetic coding for data compression", Communications of the ACM 30 (6), 1987.
"""

from collections.abc import Sequence

PRECISION = 15  # a probability is a number from 1 to 2^15 - 1, in units of 2^-15
_BITS = 32
_HALF, _QUARTER, _TOP = 1 << _BITS - 1, 1 << _BITS - 2, (1 << _BITS) - 1


class Encoder:
    """Write decisions as bits; the code of a whole message is at most two bits longer than its information."""

    def __init__(self) -> None:
        self.bits: list[int] = []
        self._low, self._high, self._pending = 0, _TOP, 0

    def put(self, decision: int, probability: int = 1 << PRECISION - 1) -> None:
        """Write a decision, 0 or 1; `probability` is that of a 1."""
        split = _split(self._low, self._high, probability)
        self._low, self._high = (self._low, split) if decision else (split + 1, self._high)
        while (cut := _cut(self._low, self._high)) is not None:
            if cut == _QUARTER:
                self._pending += 1
            else:
                self._write(int(cut == _HALF))
            self._low, self._high = (self._low - cut) * 2, (self._high - cut) * 2 + 1

    def finish(self) -> list[int]:
        """Return all bits; nothing can be written afterwards."""
        self._pending += 1
        self._write(int(self._low >= _QUARTER))
        return self.bits

    def _write(self, bit: int) -> None:
        self.bits += [bit, *[1 - bit] * self._pending]
        self._pending = 0


class Decoder:
    """Read decisions from the bits of an Encoder; bits beyond their end are read as 0."""

    def __init__(self, bits: Sequence[int]) -> None:
        self._rest = iter(bits)
        self._low, self._high, self._value = 0, _TOP, 0
        for _ in range(_BITS):
            self._value = self._value * 2 + next(self._rest, 0)

    def get(self, probability: int = 1 << PRECISION - 1) -> int:
        """Read a decision, 0 or 1; `probability` is that of a 1."""
        split = _split(self._low, self._high, probability)
        decision = int(self._value <= split)
        self._low, self._high = (self._low, split) if decision else (split + 1, self._high)
        while (cut := _cut(self._low, self._high)) is not None:
            self._low, self._high = (self._low - cut) * 2, (self._high - cut) * 2 + 1
            self._value = (self._value - cut) * 2 + next(self._rest, 0)
        return decision


def _split(low: int, high: int, probability: int) -> int:
    """Return the last value of the part of a 1."""
    return low + ((high - low + 1) * probability >> PRECISION) - 1


def _cut(low: int, high: int) -> int | None:
    """Return what to subtract before doubling an interval; None if it is large enough."""
    if high < _HALF:
        return 0
    if low >= _HALF:
        return _HALF
    return _QUARTER if low >= _QUARTER and high < _HALF + _QUARTER else None
