"""Read the uncompressed header of a VP9 key frame up to the quantizer; VP9 specification 6.2."""

from dataclasses import dataclass

SYNC_CODE, SRGB = 0x498342, 7


class _Bits:
    def __init__(self, data: bytes) -> None:
        self.value, self.length, self.position = int.from_bytes(data, "big"), 8 * len(data), 0

    def read(self, count: int) -> int:
        self.position += count
        return self.value >> (self.length - self.position) & ((1 << count) - 1)


@dataclass(frozen=True)
class KeyFrameHeader:
    """Hold the quantizer and the loop filter level of a key frame."""

    base_q_idx: int
    loop_filter_level: int  # 0: no loop filter
    level_position: int  # of the first bit of loop_filter_level, which has 6


def read_key_frame_header(frame: bytes) -> KeyFrameHeader:
    """Read the header of a shown key frame; ValueError for any other frame."""
    bits = _Bits(frame[:64])
    marker, profile = bits.read(2), bits.read(1) | bits.read(1) << 1
    if profile == 3:
        bits.read(1)
    shown_again, not_key, shown, error_resilient = (bits.read(1) for _ in range(4))
    if marker != 2 or shown_again or not_key or not shown or bits.read(24) != SYNC_CODE:
        raise ValueError("not a VP9 key frame that is shown")
    if profile >= 2:
        bits.read(1)  # bit depth
    colour_space = bits.read(3)
    if colour_space != SRGB:
        bits.read(1)  # range
    if profile % 2:
        bits.read(1 if colour_space == SRGB else 3)  # subsampling
    bits.read(32)  # frame size
    if bits.read(1):
        bits.read(32)  # render size
    bits.read(2 if error_resilient else 4)  # frame_context_idx, and before it refresh and parallel decoding
    position = bits.position
    level = bits.read(6)
    bits.read(3)  # sharpness
    if bits.read(1) and bits.read(1):  # deltas: enabled, updated
        for _ in range(6):
            if bits.read(1):
                bits.read(7)
    return KeyFrameHeader(bits.read(8), level, position)


def remove_loop_filter(frame: bytes) -> bytes:
    """Return the same key frame with loop_filter_level 0; the decoder reads all other bits of it as before."""
    start = read_key_frame_header(frame).level_position
    patched = bytearray(frame)
    for bit in range(start, start + 6):
        patched[bit // 8] &= ~(0x80 >> bit % 8) & 0xFF
    return bytes(patched)
