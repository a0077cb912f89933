"""Read, check and write the hash of a decoded picture, a supplemental message (H.265 D.2.19, D.3.19)."""

import binascii
import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np

from codecnn.hevc.bit_writer import BitWriter

DECODED_PICTURE_HASH = 132  # payloadType
MD5, CRC, CHECKSUM = range(3)  # hash_type
# What a register of 0xFFFF becomes by 16 bits of 0: in the standard's CRC they follow the data, in binascii's they do
# not.
CRC_START = 0x1D0F


@dataclass(frozen=True)
class PictureHash:
    """Hold the hash of each plane of a decoded picture, before the conformance window cuts it; kind: hash_type."""

    kind: int
    digests: tuple[bytes, ...]

    def wrong_planes(self, planes: Iterable[np.ndarray]) -> str:
        """Name the planes that have another hash, by letters of YUV."""
        digest = HASHES[self.kind]
        return "".join(
            name for name, plane, own in zip("YUV", planes, self.digests, strict=False) if digest(plane) != own
        )


def _bytes_of(plane: np.ndarray) -> bytes:
    """Return the samples as they are hashed: those above 8 bit as two bytes, the lower one first."""
    return plane.astype(plane.dtype.newbyteorder("<")).tobytes()


def _md5(plane: np.ndarray) -> bytes:
    return hashlib.md5(_bytes_of(plane)).digest()


def _crc(plane: np.ndarray) -> bytes:
    return binascii.crc_hqx(_bytes_of(plane), CRC_START).to_bytes(2, "big")


def _checksum(plane: np.ndarray) -> bytes:
    """Sum the bytes of samples, those of each sample by XOR with a number that its place gives."""
    y, x = (places.astype(np.int64) for places in np.ogrid[: plane.shape[0], : plane.shape[1]])
    mask = ((x & 255) ^ (x >> 8)) ^ ((y & 255) ^ (y >> 8))
    parts = [plane & 255, plane >> 8][: plane.dtype.itemsize]
    return (sum(int((part ^ mask).sum()) for part in parts) & 0xFFFFFFFF).to_bytes(4, "big")


HASHES: tuple[Callable[[np.ndarray], bytes], ...] = (_md5, _crc, _checksum)
DIGEST_BYTES = (16, 2, 4)


def read_picture_hash(payload: bytes, planes: int) -> PictureHash | None:
    """Return the hash that sei_rbsp() has for a picture of so many planes; None if it has none, or a damaged one."""
    place = 0
    while place < len(payload) - 1:  # the last byte has the stop bit
        numbers = []
        for _ in range(2):  # payloadType, payloadSize
            number = 0
            while payload[place : place + 1] == b"\xff":
                number += 255
                place += 1
            numbers.append(number + int.from_bytes(payload[place : place + 1]))
            place += 1
        kind, size = numbers
        message = payload[place : place + size]
        place += size
        if kind == DECODED_PICTURE_HASH and message and message[0] < len(HASHES):
            length = DIGEST_BYTES[message[0]]
            if len(message) == 1 + planes * length:
                return PictureHash(message[0], tuple(message[1 + n * length :][:length] for n in range(planes)))
    return None


def write_picture_hash(planes: Iterable[np.ndarray]) -> bytes:
    """Write sei_rbsp() with the MD5 of every plane.

    planes: of the whole coded picture, before the conformance window cuts it.
    """
    payload = b"".join((bytes([MD5]), *map(_md5, planes)))
    bits = BitWriter()
    for byte in (DECODED_PICTURE_HASH, len(payload), *payload):
        bits.u(byte, 8)
    return bits.end()
