"""Read the bits of a header (H.265 7.2 and 9.2)."""

from codecnn.hevc.errors import damaged


class BitReader:
    """Read the bits of a raw byte sequence payload (RBSP) from the first to the last; StreamError beyond its end."""

    def __init__(self, payload: bytes) -> None:
        self.payload = payload
        self.position = 0  # in bits

    def u(self, count: int) -> int:
        """Return the next bits as an unsigned number."""
        first, end = self.position >> 3, (self.position + count + 7) >> 3
        if end > len(self.payload):
            raise damaged("a header ends too early")
        self.position += count
        value = int.from_bytes(self.payload[first:end], "big") >> (8 * end - self.position)
        return value & ((1 << count) - 1)

    def flag(self) -> bool:
        """Return the next bit."""
        return self.u(1) == 1

    def ue(self, largest: int = (1 << 32) - 2, name: str = "a number") -> int:
        """Return the next Exp-Golomb code; StreamError if it is above `largest`."""
        zeros = 0
        while not self.flag():
            zeros += 1
            if zeros > 32:
                raise damaged(f"{name} in a header has no valid code")
        value = (1 << zeros) - 1 + self.u(zeros)
        if value > largest:
            raise damaged(f"{name} in a header is {value}, at most {largest} is allowed")
        return value

    def se(self, least: int, largest: int, name: str) -> int:
        """Return the next signed Exp-Golomb code; StreamError if it is outside of least..largest."""
        code = self.ue(name=name)
        value = (code + 1) // 2 if code % 2 else -(code // 2)
        if not least <= value <= largest:
            raise damaged(f"{name} in a header is {value}, outside of {least} to {largest}")
        return value

    def align(self) -> None:
        """Read byte_alignment(): a bit 1, then bits 0 up to the next byte."""
        if not self.flag() or self.u(-self.position % 8):
            raise damaged("a header is not aligned to bytes as it should be")
