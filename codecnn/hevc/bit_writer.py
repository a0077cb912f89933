"""Write the bits of a header (H.265 7.2 and 9.2)."""


class BitWriter:
    """Write the bits of a raw byte sequence payload (RBSP) one after the other."""

    def __init__(self) -> None:
        self.bits: list[str] = []

    def u(self, value: int, count: int) -> None:
        """Write a number of some bits; ValueError if it does not fit."""
        if not 0 <= value < 1 << count:
            raise ValueError(f"{value} does not fit in {count} bit")
        if count:
            self.bits.append(f"{value:0{count}b}")

    def flag(self, value: bool) -> None:
        """Write a bit."""
        self.bits.append("1" if value else "0")

    def ue(self, value: int) -> None:
        """Write an Exp-Golomb code; ValueError if the number is negative."""
        if value < 0:
            raise ValueError(f"{value} is negative")
        code = f"{value + 1:b}"
        self.bits.append("0" * (len(code) - 1) + code)

    def se(self, value: int) -> None:
        """Write a signed Exp-Golomb code."""
        self.ue(2 * value - 1 if value > 0 else -2 * value)

    def end(self) -> bytes:
        """Write a bit 1 and zeros up to the end of a byte, and return all bytes."""
        text = "".join([*self.bits, "1"])
        text += "0" * (-len(text) % 8)
        return int(text, 2).to_bytes(len(text) // 8, "big")
